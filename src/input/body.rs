//! Request bodies: forms and JSON objects to attributes (contract, "Requests").

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
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
    let Object(members) = serde_json::from_slice(bytes).map_err(|error| {
        let message = if error.is_data() {
            "The body must be a JSON object, for example {\"name\": \"value\"}.".to_owned()
        } else {
            let (line, column) = (error.line().to_string(), error.column().to_string());
            ["The body is not valid JSON in UTF-8 at line ", &line, ", column ", &column, "."].concat()
        };
        Error::new(Code::BodyMalformed, message)
    })?;
    let mut attributes = Attributes::default();
    for (name, value) in members {
        attributes.insert(name, json_value(value.get()))?;
    }
    Ok(attributes)
}

/// A JSON value by its text, so that a number is judged by how it was written: `1.0`, `1e3` and `1e400` are not whole.
/// Nor is `-0`: it would be a second way to write 0.
fn json_value(text: &str) -> Value {
    match text.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'"') => serde_json::from_str(text).map_or(Value::Other, Value::Text),
        _ if text == "-0" => Value::Other,
        _ => text.parse().map_or(Value::Other, Value::Integer),
    }
}

/// A JSON object's members in order, duplicates included: serde's own maps would silently drop one of two.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
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
