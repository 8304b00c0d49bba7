//! An object as a statement gives it, and the responses that show it. Pure.

use crate::{
    conditions::Condition,
    error::{Code, Error},
    response::{Objects, Response},
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

    /// The object with its tag (RFC 9110, section 8.8.3).
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
        quoted(&self.tag)
    }
}

/// The one object that was found, as it is, with its tag; or 304 for a caller who said `If-None-Match` and has it already.
pub fn shown(tag: &str, condition: &Condition) -> Response {
    let response = if condition.holds_for(tag) {
        Response::not_modified()
    } else {
        Response::page(String::new(), Objects { count: 1, backwards: false, after: "" })
    };
    response.with("etag", quoted(tag))
}

fn quoted(tag: &str) -> String {
    ["\"", tag, "\""].concat()
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
        let condition = |value| Condition::parse("If-None-Match", value).unwrap();
        let response = shown("t1", &condition("W/\"t1\""));
        assert_eq!((response.status, response.body), (304, None));
        assert_eq!(response.headers, [("etag", "\"t1\"".to_owned())]);
        for condition in [condition("\"t2\""), Condition::None] {
            let response = shown("t1", &condition);
            assert_eq!((response.status, response.objects.map(|objects| objects.count)), (200, Some(1)));
            assert_eq!(response.headers, [("etag", "\"t1\"".to_owned())]);
        }
    }
}
