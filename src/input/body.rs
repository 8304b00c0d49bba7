//! Request bodies: forms and JSON objects to attributes (contract, "Requests").

use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{
    http::{
        SPACE,
        error::{Code, Error},
        head::Head,
    },
    input::attributes::{Attributes, Value},
};

/// The attributes of a body. An empty body has none, whatever its content type. Errors: 415, and 400 for a body that is
/// not what its content type says.
pub fn parse(head: &Head, bytes: &[u8]) -> Result<Attributes, Error> {
    if bytes.is_empty() {
        return Ok(Attributes::default());
    }
    match media_type(head)? {
        MediaType::Form => Attributes::of_form(bytes),
        MediaType::Json => of_json(bytes),
    }
}

enum MediaType {
    Form,
    Json,
}

fn media_type(head: &Head) -> Result<MediaType, Error> {
    let unsupported = |message| Error::new(Code::MediaTypeUnsupported, message);
    if head.content_encoding.as_deref().is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(unsupported("Content-Encoding is not supported. Send the body uncompressed."));
    }
    let mut parts = head.content_type.as_deref().unwrap_or_default().split(';').map(|part| part.trim_matches(SPACE));
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    for parameter in parts {
        let parameter = parameter.to_ascii_lowercase();
        let charset = parameter.strip_prefix("charset").map(|rest| rest.trim_start_matches(SPACE));
        if charset.is_some_and(|charset| charset != "=utf-8" && charset != "=\"utf-8\"") {
            return Err(unsupported("The charset of the body must be UTF-8."));
        }
    }
    match essence.as_str() {
        "application/x-www-form-urlencoded" => Ok(MediaType::Form),
        "application/json" => Ok(MediaType::Json),
        _ => Err(unsupported(
            "The body must be a form (Content-Type: application/x-www-form-urlencoded) or JSON (Content-Type: \
             application/json).",
        )),
    }
}

fn of_json(bytes: &[u8]) -> Result<Attributes, Error> {
    let mut attributes = Attributes::default();
    let mut refused = None;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = json.deserialize_map(Members { attributes: &mut attributes, refused: &mut refused });
    match parsed.and_then(|()| json.end()) {
        Ok(()) => Ok(attributes),
        Err(error) => Err(refused.unwrap_or_else(|| {
            let message = if error.is_data() {
                "The body must be a JSON object, for example {\"name\": \"value\"}.".to_owned()
            } else {
                let (line, column) = (error.line().to_string(), error.column().to_string());
                ["The body is not valid JSON in UTF-8 at line ", &line, ", column ", &column, "."].concat()
            };
            Error::new(Code::BodyMalformed, message)
        })),
    }
}

/// A JSON value by its text, so that a number is judged by how it was written: `1.0`, `1e3` and `1e400` are not whole.
/// Nor is `-0`: it would be a second way to write 0.
fn json_value(text: &str) -> Value {
    match text.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'"') => serde_json::from_str(text).map_or(Value::Other, Value::Text),
        Some(b'[') => list(text).map_or(Value::Other, Value::List),
        _ if text == "-0" => Value::Other,
        _ => text.parse().map_or(Value::Other, Value::Integer),
    }
}

/// The strings of a JSON list. None when it is empty or holds anything else, also for a string with a comma: no
/// attribute's value has one.
fn list(text: &str) -> Option<Vec<String>> {
    let strings = text.strip_prefix('[')?.strip_suffix(']')?.split(',');
    let without_comma = |text: &String| !text.contains(',');
    strings.map(|text| serde_json::from_str(text.trim()).ok().filter(without_comma)).collect()
}

/// Takes a JSON object's members one by one, up to the first that is refused: serde's own maps would silently drop one
/// of two with the same name.
struct Members<'a> {
    attributes: &'a mut Attributes,
    /// Why a member is refused. The parser's error does not say it.
    refused: &'a mut Option<Error>,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { attributes, refused } = self;
        let mut refuse = |error| {
            *refused = Some(error);
            A::Error::custom("")
        };
        while let Some(name) = map.next_key()? {
            attributes.one_more("body").map_err(&mut refuse)?;
            let value: &RawValue = map.next_value()?;
            attributes.insert(name, json_value(value.get())).map_err(&mut refuse)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{
        attributes::{Field, Nothing},
        values::{Reference, Timestamp},
    };

    fn parse_as(content_type: &str, body: &str) -> Result<Attributes, Error> {
        let head = Head { content_type: Some(content_type.to_owned()), ..Head::default() };
        parse(&head, body.as_bytes())
    }

    fn json(body: &str) -> Result<Attributes, Error> {
        parse_as("application/json", body)
    }

    #[test]
    fn a_form_and_an_object_mean_the_same() {
        let form = parse_as("application/x-www-form-urlencoded", "is_muted=true&archived_at=5&pinned_message_id=");
        let object = json(r#"{"is_muted": true, "archived_at": 5, "pinned_message_id": null}"#);
        for attributes in [form, object] {
            let mut attributes = attributes.unwrap();
            assert_eq!(attributes.take::<bool>("is_muted").ok(), Some(true));
            assert_eq!(attributes.take::<Timestamp>("archived_at").map(Timestamp::seconds).ok(), Some(5));
            assert!(attributes.take::<Field<Reference>>("pinned_message_id").is_ok_and(|field| field == Field::Null));
            assert!(attributes.parse::<Nothing>().is_ok());
        }
    }

    #[test]
    fn json_keeps_its_types() {
        for (text, expected) in [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("7", Value::Integer(7)),
            (r#""\u0061""#, Value::Text("a".to_owned())),
            ("-0", Value::Other),
            ("7.0", Value::Other),
            ("7e0", Value::Other),
            ("1e400", Value::Other),
            ("123456789012345678901234567890", Value::Other),
            ("[]", Value::Other),
            (r#"["a,b"]"#, Value::Other),
            (r#"["a\u002cb"]"#, Value::Other),
            (r#"["a", "b"]"#, Value::List(vec!["a".to_owned(), "b".to_owned()])),
            (r#"["a", 1]"#, Value::Other),
            ("{}", Value::Other),
        ] {
            assert_eq!(json_value(text), expected, "{text}");
        }
    }

    #[test]
    fn a_json_string_is_no_number_and_a_number_no_string() {
        assert!(json(r#"{"n": "7"}"#).and_then(|mut a| a.take::<Timestamp>("n")).is_err());
        assert!(json(r#"{"b": "true"}"#).and_then(|mut a| a.take::<bool>("b")).is_err());
        assert!(json(r#"{"b": 1}"#).and_then(|mut a| a.take::<bool>("b")).is_err());
        assert!(json(r#"{"r": 7}"#).and_then(|mut a| a.take::<Reference>("r")).is_err());
    }

    #[test]
    fn anything_but_one_object_is_malformed() {
        let deep = "[".repeat(10_000);
        for bad in
            ["[]", "1", "null", "\"a\"", "{", "{}{}", "{'a':1}", "{\"a\":01}", "nul", "\u{feff}{}", deep.as_str()]
        {
            assert!(json(bad).is_err_and(|error| error.code == Code::BodyMalformed), "{bad}");
        }
        assert!(of_json(b"{\"a\":\"\xff\"}").is_err_and(|error| error.code == Code::BodyMalformed));
    }

    #[test]
    fn there_are_at_most_64_members_and_the_65th_value_is_not_read() {
        let member = |number| format!("\"a{number}\":0,");
        let most: String = (0..64).map(member).collect();
        assert!(json(&format!("{{{}}}", most.trim_end_matches(','))).is_ok());
        for bad in [format!("{{{most}\"b\":0}}"), format!("{{{most}\"a0\":0}}"), format!("{{{most}\"b\":!")] {
            assert!(json(&bad).is_err_and(|error| error.code == Code::ParametersTooMany), "{bad}");
        }
    }

    #[test]
    fn nesting_has_no_limit_but_the_size_of_the_body() {
        let nested = format!("{{\"a\":{}{}}}", "[".repeat(60_000), "]".repeat(60_000));
        assert!(json(&nested).is_ok());
        assert!(json(nested.trim_end_matches('}')).is_err_and(|error| error.code == Code::BodyMalformed));
    }

    #[test]
    fn a_member_sent_twice_is_refused_even_if_escaped() {
        assert!(json(r#"{"a":1,"\u0061":1}"#).is_err_and(|error| error.code == Code::ParameterDuplicate));
    }

    #[test]
    fn content_types_are_two_in_any_case_with_utf8() {
        for good in ["application/json", "Application/JSON; Charset=\"UTF-8\"", "application/json;charset=utf-8"] {
            assert!(parse_as(good, "{}").is_ok(), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/json; charset=latin1",
            "application/json; charset = latin1",
            "application/json; charset=\"utf-8",
            "application/json\u{a0}",
            "multipart/form-data; boundary=x",
            "application/jsonx",
        ] {
            assert!(parse_as(bad, "{}").is_err_and(|error| error.code == Code::MediaTypeUnsupported), "{bad}");
            assert!(parse_as(bad, "").is_ok(), "{bad}");
        }
    }
}
