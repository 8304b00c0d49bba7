//! Conditional requests (RFC 9110, section 13): `If-None-Match` and `If-Match` to a [`Condition`].
//! An object's tag names the request that made the object what it is; the migrations say how.

use crate::http::{
    SPACE,
    error::{Code, Error},
};

/// What may stand between two elements of a list. Elements may be empty (RFC 9110, section 5.6.1).
const SEPARATORS: [char; 3] = [' ', '\t', ','];

/// What a request asks of the state that the object is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    None,
    /// `*`: that the object exists.
    Any,
    /// That its tag is one of these: each in its quotes, separated by spaces.
    Tags(String),
}

impl Condition {
    /// Reads a list of tags, if the request has the header. A tag that was weakened on its way (`W/`), as
    /// compression at the edge does, stands for the strong one.
    pub fn parse(header: &'static str, value: Option<&str>) -> Result<Self, Error> {
        let Some(value) = value else {
            return Ok(Self::None);
        };
        if value.trim_matches(SPACE) == "*" {
            return Ok(Self::Any);
        }
        let invalid =
            || Error::invalid(header, "* or a list of ETags, each with its double quotes, separated by commas");
        let mut tags = String::new();
        let mut rest = value.trim_start_matches(SEPARATORS);
        while !rest.is_empty() {
            let tag = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"').ok_or_else(invalid)?;
            let (tag, after) = tag.split_once('"').ok_or_else(invalid)?;
            if tag.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
                return Err(invalid());
            }
            for part in ["\"", tag, "\" "] {
                tags.push_str(part);
            }
            rest = after.trim_start_matches(SPACE);
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(invalid());
            }
            rest = rest.trim_start_matches(SEPARATORS);
        }
        if tags.is_empty() { Err(invalid()) } else { Ok(Self::Tags(tags)) }
    }

    /// The condition of an object, whose tag may have been read together with that of another object: after a point. A
    /// write does not mind the other one.
    pub fn of_object(self) -> Self {
        match self {
            Self::Tags(tags) => {
                let tags = tags.split_inclusive(' ').map(|tag| match tag.split_once('.') {
                    Some((tag, _)) => [tag, "\" "].concat(),
                    None => tag.to_owned(),
                });
                Self::Tags(tags.collect())
            }
            other => other,
        }
    }

    /// Whether an object with this tag meets it. [`Condition::None`] holds for no object.
    pub fn holds_for(&self, tag: &str) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::Tags(tags) => tags.contains(&["\"", tag, "\""].concat()),
        }
    }

    /// The tags, for a statement that writes: `?n IS NULL OR instr(?n, '"' || tag || '"')`. That the object exists, the
    /// statement asks anyway.
    pub fn tags(&self) -> Option<&str> {
        match self {
            Self::None | Self::Any => None,
            Self::Tags(tags) => Some(tags),
        }
    }
}

/// 412: a write's `If-Match` does not name the object's state. `tag` is that of the state it is in.
pub fn precondition_failed(tag: &str) -> Error {
    Error::for_param(
        Code::PreconditionFailed,
        "If-Match",
        "`If-Match` does not match the current ETag of the object, and nothing was changed. The object may have \
         changed since you read it. Retrieve it again, then repeat the request with the ETag of that response.",
    )
    .with_tag(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Option<Condition> {
        Condition::parse("If-Match", Some(value)).ok()
    }

    #[test]
    fn a_list_may_have_empty_elements() {
        for value in [r#""a","#, r#","a""#, r#", "b",, "a" ,"#, " ,\t,\"a\"", r#"W/"a", ,"#] {
            assert!(parse(value).is_some_and(|condition| condition.holds_for("a")), "{value}");
        }
    }

    #[test]
    fn a_weak_tag_matches_the_strong_one() {
        for value in [r#""a""#, r#"W/"a""#, r#" "b" , W/"a""#, r#""a","b""#, "*"] {
            assert!(parse(value).is_some_and(|condition| condition.holds_for("a")), "{value}");
        }
    }

    #[test]
    fn a_tag_of_two_objects_stands_for_that_of_the_first() {
        let condition = parse(r#""a.b", W/"c.", "d""#).map(Condition::of_object);
        assert_eq!(condition, parse(r#""a", "c", "d""#));
        assert_eq!(parse("*").map(Condition::of_object), Some(Condition::Any));
    }

    #[test]
    fn a_tag_is_matched_whole() {
        for value in [r#""ab""#, r#""""#, r#""b", "c""#, r#""A""#] {
            assert!(parse(value).is_some_and(|condition| !condition.holds_for("a")), "{value}");
        }
    }

    #[test]
    fn without_the_header_there_is_no_condition() {
        assert_eq!(Condition::parse("If-Match", None).ok(), Some(Condition::None));
    }

    #[test]
    fn anything_but_a_list_of_tags_is_refused() {
        for bad in [
            "",
            ",",
            " , ,",
            "a",
            r#""a"#,
            r#""a" "b""#,
            r#""a""b""#,
            r#"w/"a""#,
            r#""a", *"#,
            "*,",
            ", *",
            "\"a b\"",
            "\"a\tb\"",
            "\"a,\"b\"",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
