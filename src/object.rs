//! An object as a statement gives it, and the responses that show it. Pure.

use crate::{
    conditions::Condition,
    error::{Code, Error},
    response::Response,
};

/// One object of the API in the state that its tag names.
#[derive(Debug, PartialEq, Eq)]
pub struct Object {
    /// Names the state.
    pub tag: String,
    /// The object itself, as JSON.
    pub json: String,
}

impl Object {
    /// Reads `tag TAB object`.
    pub fn read(text: &str) -> Self {
        let (tag, json) = text.split_once('\t').unwrap_or_default();
        Self { tag: tag.to_owned(), json: json.to_owned() }
    }

    /// Reads `outcome TAB tag TAB object`.
    pub fn read_with_outcome(text: &str) -> (&str, Self) {
        let (outcome, object) = text.split_once('\t').unwrap_or_default();
        (outcome, Self::read(object))
    }

    /// Its id, with which the JSON of every object begins.
    pub fn id(&self) -> &str {
        self.json.get(7..23).unwrap_or_default()
    }

    /// The object with its tag (RFC 9110, section 8.8.3), or 304 for a caller who said `If-None-Match` and has it already.
    pub fn shown(self, condition: &Condition) -> Response {
        if condition.holds_for(&self.tag) {
            Response::not_modified().with("etag", self.quoted_tag())
        } else {
            self.response(200)
        }
    }

    /// The object with its tag.
    pub fn response(self, status: u16) -> Response {
        let tag = self.quoted_tag();
        Response::json(status, self.json).with("etag", tag)
    }

    /// The refusal of a write whose caller said `If-Match` and has another state in mind.
    pub fn outdated(&self) -> Error {
        Error::of(
            Code::PreconditionFailed,
            "If-Match",
            "If-Match does not name the state that the object is in: it was changed meanwhile, and nothing was written. \
             Retrieve it again and decide anew; its ETag is that of this answer.",
        )
        .with_header("etag", self.quoted_tag())
    }

    fn quoted_tag(&self) -> String {
        format!("\"{}\"", self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_comes_with_its_tag() {
        let (outcome, object) = Object::read_with_outcome("created\tt1\t{\"id\":1}");
        assert_eq!(outcome, "created");
        let response = object.response(201);
        assert_eq!(response.body.as_deref(), Some("{\"id\":1}"));
        assert_eq!(response.headers, [("etag", "\"t1\"".to_owned())]);
    }

    #[test]
    fn who_has_it_already_gets_304_without_a_body() {
        let object = || Object::read("t1\t{}");
        let condition = |value| Condition::parse("If-None-Match", value).unwrap();
        let response = object().shown(&condition("W/\"t1\""));
        assert_eq!((response.status, response.body), (304, None));
        assert_eq!(object().shown(&condition("\"t2\"")).status, 200);
        assert_eq!(object().shown(&Condition::None).status, 200);
    }
}
