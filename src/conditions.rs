//! Conditional requests (RFC 9110, section 13): `If-None-Match` and `If-Match` to a [`Condition`]. Pure.
//! An object's tag names the request that made the object what it is; the migrations say how.

use crate::{auth::SPACE, call::Parameter, error::Error};

/// What a request asks of the state that the object is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    None,
    /// `*`: that there is one at all.
    Any,
    /// That it is one of these: each tag in its quotes, separated by spaces.
    Tags(String),
}

impl Condition {
    /// Reads the list of tags that `header` holds, at most eight KiB of it as the platform lets through. A tag that was
    /// weakened on its way (`W/`), as compression at the edge does, stands for the one it was made of.
    pub fn parse(header: &str, value: &str) -> Result<Self, Error> {
        if value.trim_matches(SPACE) == "*" {
            return Ok(Self::Any);
        }
        let wrong = || Error::invalid(header, "*, or tags as ETag has them, in double quotes, separated by commas");
        let mut tags = String::new();
        let mut rest = value;
        loop {
            rest = rest.trim_start_matches(SPACE);
            let tag = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"').ok_or_else(wrong)?;
            let (tag, after) = tag.split_once('"').ok_or_else(wrong)?;
            if tag.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
                return Err(wrong());
            }
            tags.push_str(&format!("\"{tag}\" "));
            match after.trim_start_matches(SPACE) {
                "" => return Ok(Self::Tags(tags)),
                after => rest = after.strip_prefix(',').ok_or_else(wrong)?,
            }
        }
    }

    /// Whether an object with this tag is what was asked for.
    pub fn holds_for(&self, tag: &str) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::Tags(tags) => tags.contains(&format!("\"{tag}\"")),
        }
    }

    /// For a statement that writes, which decides `?n IS NULL OR instr(?n, '"' || tag || '"')`. That there is an object
    /// at all it asks anyway.
    pub fn parameter(&self) -> Parameter {
        match self {
            Self::None | Self::Any => Parameter::Null,
            Self::Tags(tags) => Parameter::Text(tags.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Option<Condition> {
        Condition::parse("If-Match", value).ok()
    }

    #[test]
    fn a_weakened_tag_stands_for_the_strong_one() {
        for value in [r#""a""#, r#"W/"a""#, r#" "b" , W/"a""#, r#""a","b""#, "*"] {
            assert!(parse(value).is_some_and(|condition| condition.holds_for("a")), "{value}");
        }
    }

    #[test]
    fn a_tag_is_matched_whole() {
        for value in [r#""ab""#, r#""""#, r#""b", "c""#, r#""A""#] {
            assert!(parse(value).is_some_and(|condition| !condition.holds_for("a")), "{value}");
        }
    }

    #[test]
    fn what_is_not_a_list_of_tags_is_refused() {
        for bad in
            ["", "a", r#""a"#, r#""a" "b""#, r#""a","#, r#","a""#, r#"w/"a""#, r#""a", *"#, "\"a b\"", "\"a\tb\""]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
