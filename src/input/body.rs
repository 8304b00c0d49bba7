//! Request bodies: forms and JSON objects to attributes (contract, "Requests").

use std::{borrow::Cow, fmt};

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{
    http::{
        SPACE,
        error::{Code, Error},
        head::Head,
    },
    input::attributes::{Attributes, Place, Value, quoted},
};

/// The attributes of a body. An empty body has none, whatever its content type. Errors: 415, and 400 for a body that is
/// not what its content type says.
pub fn parse(head: &Head, bytes: &[u8]) -> Result<Attributes, Error> {
    if bytes.is_empty() {
        return Ok(Attributes::default());
    }
    let media_type = media_type(head)?;
    if BYTE_ORDER_MARKS.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(malformed("The body begins with a byte order mark (BOM). Send it in UTF-8, without that mark."));
    }
    match media_type {
        MediaType::Form if looks_like_json(bytes) => Err(malformed(
            "The body looks like JSON, but its Content-Type is application/x-www-form-urlencoded, which curl -d sends \
             by default. Send JSON with the header `Content-Type: application/json`.",
        )),
        MediaType::Form => Attributes::of_form(bytes),
        MediaType::Json => of_json(bytes),
    }
}

/// Of UTF-8, and of UTF-16 in both orders.
const BYTE_ORDER_MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];

/// 415.
fn unsupported(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::MediaTypeUnsupported, message)
}

/// 400 for a body that is not what its content type says.
fn malformed(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::BodyMalformed, message)
}

/// Whether a form begins as a JSON object or list does, percent-encoded or not. No attribute has such a name.
fn looks_like_json(form: &[u8]) -> bool {
    let form = form.trim_ascii_start();
    let begins = |text: &[u8]| form.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
    [b"{".as_slice(), b"[", b"%7b", b"%5b"].into_iter().any(begins)
}

/// Whether a text begins with a name and `=`, which no JSON text does.
fn looks_like_form(text: &str) -> bool {
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || "_-.%[]".contains(character);
    text.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_of_name))
}

/// What is wrong with a text for which [`has_lone_surrogate`] holds.
const LONE_SURROGATE: &str = " has a lone surrogate: an escape from \\ud800 to \\udfff without its other half. Send \
                              both halves, or the character itself in UTF-8.";

/// Whether a JSON text has an escape like `\ud800` without its other half: no character has that number.
fn has_lone_surrogate(json: &str) -> bool {
    let mut units = Vec::new();
    let mut rest = json;
    while let Some((before, after)) = rest.split_once('\\') {
        let (escape, next) = match after.as_bytes().first() {
            Some(b'u') => after.split_at_checked(5).unwrap_or((after, "")),
            _ => after.split_at_checked(1).unwrap_or_default(),
        };
        let unit = escape.strip_prefix('u').and_then(|digits| u16::from_str_radix(digits, 16).ok());
        // What stands between two escapes keeps them from being the halves of one character.
        if !before.is_empty() {
            units.push(0);
        }
        units.push(unit.unwrap_or_default());
        rest = next;
    }
    char::decode_utf16(units).any(|character| character.is_err())
}

enum MediaType {
    Form,
    Json,
}

fn media_type(head: &Head) -> Result<MediaType, Error> {
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
        _ => {
            const SUPPORTED: &str = " Send JSON with `Content-Type: application/json`, or a form with `Content-Type: \
                                     application/x-www-form-urlencoded`.";
            let sent = match essence.as_str() {
                "" => "The body has no Content-Type.".to_owned(),
                _ => [&quoted(&essence, "Content-Type"), " is not supported."].concat(),
            };
            Err(unsupported([&sent, SUPPORTED].concat()))
        }
    }
}

fn of_json(bytes: &[u8]) -> Result<Attributes, Error> {
    let mut attributes = Attributes::default();
    let mut refused = None;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = json.deserialize_map(Members { attributes: &mut attributes, refused: &mut refused });
    match parsed.and_then(|()| json.end()) {
        Ok(()) => Ok(attributes),
        Err(error) => Err(refused.unwrap_or_else(|| malformed(complaint(bytes, &error)))),
    }
}

/// What is wrong with a body that is no JSON object.
fn complaint(bytes: &[u8], error: &serde_json::Error) -> Cow<'static, str> {
    let text = match str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text.trim_start(),
        _ => return "The body is not valid UTF-8 text. JSON must be encoded in UTF-8.".into(),
    };
    if error.is_data() {
        let kind = match text.as_bytes().first() {
            Some(b'[') => "a list",
            Some(b'"') => "a string",
            Some(b'n') => "null",
            Some(b't' | b'f') => "a boolean",
            _ => "a number",
        };
        return ["The body must be a JSON object, for example {\"name\": \"value\"}, not ", kind, "."].concat().into();
    }
    if looks_like_form(text) {
        return "The body looks like a form, but its Content-Type is application/json. Send a JSON object, or send the \
                form with the header `Content-Type: application/x-www-form-urlencoded`."
            .into();
    }
    if has_lone_surrogate(text) {
        return ["The body", LONE_SURROGATE].concat().into();
    }
    if error.is_eof() {
        return "The body ends before its JSON object does. Send the whole object.".into();
    }
    match error.column() {
        // It is the line break itself, as in a string.
        0 => ["The body is not valid JSON at the end of line ", &error.line().saturating_sub(1).to_string(), "."]
            .concat(),
        column => {
            let (line, column) = (error.line().to_string(), column.to_string());
            ["The body is not valid JSON at line ", &line, ", column ", &column, "."].concat()
        }
    }
    .into()
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

fn lone_surrogate(name: &str) -> Error {
    Error::for_param(Code::ParameterInvalid, name, [&quoted(name, "Parameter"), LONE_SURROGATE].concat())
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
        while let Some(name) = map.next_key::<String>()? {
            attributes.one_more(Place::Body).map_err(&mut refuse)?;
            let value: &RawValue = map.next_value()?;
            let value = match json_value(value.get()) {
                Value::Other if has_lone_surrogate(value.get()) => return Err(refuse(lone_surrogate(&name))),
                value => value,
            };
            attributes.insert(name, value).map_err(&mut refuse)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{
        attributes::Field,
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
            assert!(attributes.is_empty());
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

    /// The message of a body's refusal.
    fn message(content_type: &str, body: &[u8]) -> String {
        let head = Head { content_type: Some(content_type.to_owned()), ..Head::default() };
        parse(&head, body).unwrap_err().message().to_owned()
    }

    #[test]
    fn a_body_of_the_other_type_is_called_by_name() {
        for body in [r#"{"a":1}"#, " \n{", "[]", "%7B%22a%22%3A1%7D", "%5b]", r#"{"a":"1&2&2"}"#, r#"{"a":"100%"}"#] {
            let message = message("application/x-www-form-urlencoded", body.as_bytes());
            assert!(
                message.contains("looks like JSON") && message.contains("`Content-Type: application/json`"),
                "{body}"
            );
        }
        for body in ["contact_id=bob", "is_muted=true&archived_at=", "types[]=a", "%61=b", " a=b"] {
            let message = message("application/json", body.as_bytes());
            assert!(message.contains("looks like a form"), "{body}: {message}");
        }
    }

    #[test]
    fn json_that_is_no_object_is_called_by_name() {
        for (body, kind) in [
            ("[]", "a list"),
            (" [{}]", "a list"),
            ("[", "a list"),
            (r#""{}""#, "a string"),
            ("7", "a number"),
            ("-7.5", "a number"),
            ("null", "null"),
            ("true", "a boolean"),
            ("false", "a boolean"),
        ] {
            let expected = format!("The body must be a JSON object, for example {{\"name\": \"value\"}}, not {kind}.");
            assert_eq!(message("application/json", body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_body_that_ends_too_early_says_so_wherever_it_ends() {
        let whole = "{\n\t\"a\": \"x\\n\\u00e9😀\",\n\"b\": [1, {\"c\": null}],\n\"d\": -1.5e3\n}";
        assert!(json(whole).is_ok());
        for end in (1..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            for more in ["", "\n", " \r\n"] {
                let body = [whole.get(..end).unwrap_or_default(), more].concat();
                let message = message("application/json", body.as_bytes());
                let ends = message == "The body ends before its JSON object does. Send the whole object.";
                // A number is wrong when it ends, and a text when its line does.
                let is_wrong = !more.is_empty() || body.ends_with(['-', '.', 'e']);
                let says_where = is_wrong && message.starts_with("The body is not valid JSON at ");
                assert!((ends || says_where) && !message.contains("column 0"), "{body:?}: {message}");
            }
        }
        assert!(message("application/json", b" \n ").starts_with("The body ends before"));
    }

    #[test]
    fn json_with_a_wrong_character_says_where_it_is() {
        for (body, place) in [
            ("{'a':1}", "line 1, column 2"),
            ("{\"a\":1,}", "line 1, column 8"),
            ("{\n\"a\":1\n\"b\":2}", "line 3, column 1"),
            ("{}{}", "line 1, column 3"),
            ("{a:1}", "line 1, column 2"),
            ("nul!", "line 1, column 4"),
            ("{\n\"a\":\"b\nc\"}", "line 2, column 6"),
            ("{\n\"a\n\":1}", "the end of line 2"),
        ] {
            let expected = format!("The body is not valid JSON at {place}.");
            assert_eq!(message("application/json", body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_called_by_name() {
        for value in [
            r#""\ud800""#,
            r#""\udfff""#,
            r#""\ud83dx\ude00""#,
            r#""\ud83d\n\ude00""#,
            r#""\ude00\ud83d""#,
            r#""\ud83d\ud83d\ude00""#,
            r#"["a", "\ud800"]"#,
            r#"{"b":"\uD800"}"#,
            r#"[{"\udc00":1}]"#,
        ] {
            let error = json(&format!("{{\"a\":{value}}}")).unwrap_err();
            assert_eq!(error.code, Code::ParameterInvalid, "{value}");
            assert!(error.message().starts_with("Parameter `a` has a lone surrogate"), "{value}: {}", error.message());
        }
        for whole in [r#""\ud83d\ude00""#, r#""\\ud800""#, r#""\\\ud83d\ude00""#, r#"[1, "\ud83d\ude00 \u00e9"]"#] {
            assert!(json(&format!("{{\"a\":{whole}}}")).is_ok(), "{whole}");
        }
        for name in [r#"{"\ud800":1}"#, r#"{"a":1,"b\udc00":1}"#] {
            assert!(
                message("application/json", name.as_bytes()).starts_with("The body has a lone surrogate"),
                "{name}"
            );
        }
    }

    #[test]
    fn another_encoding_is_called_by_name() {
        let utf16: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for body in [&utf16[..], b"{\"a\":\"\xff\"}", b"{\"\xff\":1}", b"{\"a\":\"\xed\xa0\x80\"}", b"\0"] {
            assert!(message("application/json", body).starts_with("The body is not valid UTF-8"), "{body:?}");
        }
        for content_type in ["application/json", "application/x-www-form-urlencoded"] {
            for mark in BYTE_ORDER_MARKS {
                let message = message(content_type, &[mark, b"a=1"].concat());
                assert!(message.starts_with("The body begins with a byte order mark"), "{message}");
            }
        }
    }

    #[test]
    fn an_unsupported_content_type_is_called_by_name() {
        for (content_type, expected) in [
            ("", "The body has no Content-Type."),
            ("multipart/form-data; boundary=x", "Content-Type `multipart/form-data` is not supported."),
            ("Text/Plain", "Content-Type `text/plain` is not supported."),
            ("a\u{1b}b", "Content-Type is not supported."),
        ] {
            let message = message(content_type, b"x");
            assert!(message.starts_with(expected), "{message}");
            for right in ["`Content-Type: application/x-www-form-urlencoded`", "`Content-Type: application/json`"] {
                assert!(message.contains(right), "{message}");
            }
        }
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
