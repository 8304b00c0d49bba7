//! JSON bodies, compared with `serde_json::Value`: the same documents are accepted, and every value is the same.

use std::fmt;

use conversations::{
    http::error::Code,
    input::attributes::{Attributes, Value},
};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Value as Json, value::RawValue};

use super::{JSON, Raw, attributes, refusal};

pub fn json(input: &[u8]) {
    if input.is_empty() {
        return; // There is no body at all.
    }
    let parsed = attributes(JSON, input);
    let document = serde_json::from_slice::<Json>(input);
    let names = names(input);
    match (parsed, document) {
        (Ok(parsed), Ok(Json::Object(members))) => {
            assert!(names.is_ok());
            agrees(parsed, &members);
            // Serialized again, without whitespace and with the usual escapes, it means the same.
            let again = serde_json::to_vec(&members).expect("is JSON");
            agrees(attributes(JSON, &again).expect("is accepted again"), &members);
        }
        (Ok(mut parsed), Err(error)) => {
            // Well-formed JSON with a value that `serde_json` can't represent: no attribute can have that value.
            const LIMITS: [&str; 2] = ["number out of range", "recursion limit"];
            assert!(LIMITS.iter().any(|limit| error.to_string().contains(limit)), "accepted in spite of {error}");
            let names = names.expect("is an object");
            assert!(names.iter().any(|name| parsed.take(name).ok() == Some(Raw(Value::Other))));
        }
        (Err(error), document) => {
            let code = refusal(error);
            assert_eq!(names, Err(code));
            assert!(code != Code::BodyMalformed || !matches!(document, Ok(Json::Object(_))), "refused for no reason");
        }
        (Ok(_), Ok(document)) => panic!("accepted, but no object: {document}"),
    }
}

/// The attributes are these members and no others.
fn agrees(mut parsed: Attributes, members: &serde_json::Map<String, Json>) {
    for (name, member) in members {
        let expected = match member {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => number.as_i64().map_or(Value::Other, Value::Integer),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => list(items).map_or(Value::Other, Value::List),
            Json::Object(_) => Value::Other,
        };
        assert_eq!(parsed.take(name).ok(), Some(Raw(expected)), "{name:?} is {member}");
    }
    assert!(parsed.is_empty(), "an attribute that is no member");
}

/// A list of strings, none with a comma.
fn list(items: &[Json]) -> Option<Vec<String>> {
    let strings = items.iter().map(|item| item.as_str().filter(|text| !text.contains(',')).map(str::to_owned));
    strings.collect::<Option<Vec<_>>>().filter(|strings| !strings.is_empty())
}

/// The names of an object's members, or the code of the first fault.
fn names(input: &[u8]) -> Result<Vec<String>, Code> {
    let (mut names, mut fault) = (Vec::new(), Code::BodyMalformed);
    let mut document = serde_json::Deserializer::from_slice(input);
    let members = Members { names: &mut names, fault: &mut fault };
    match document.deserialize_map(members).and_then(|()| document.end()) {
        Ok(()) => Ok(names),
        Err(_) => Err(fault),
    }
}

struct Members<'a> {
    names: &'a mut Vec<String>,
    fault: &'a mut Code,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let too_many = self.names.len() == 64;
            let value = if too_many { "" } else { map.next_value::<&RawValue>()?.get() };
            let fault = match () {
                () if too_many => Code::ParametersTooMany,
                () if has_lone_surrogate(value) => Code::ParameterInvalid,
                () if self.names.contains(&name) => Code::ParameterDuplicate,
                () => {
                    self.names.push(name);
                    continue;
                }
            };
            *self.fault = fault;
            return Err(A::Error::custom("the first fault"));
        }
        Ok(())
    }
}

/// Whether a text has half a character: among the escapes of UTF-16, in hexadecimal digits, a first half without a
/// second one right behind it, or a second half alone.
fn has_lone_surrogate(json: &str) -> bool {
    let mut waits_for_second = false;
    let text = json.replace(r"\\", "__");
    for (index, part) in text.split(r"\u").enumerate() {
        if index > 0 {
            let unit = u32::from_str_radix(&part[..4], 16).expect("JSON has four digits here");
            let is_second = (0xdc00..0xe000).contains(&unit);
            if is_second != waits_for_second {
                return true;
            }
            waits_for_second = (0xd800..0xdc00).contains(&unit);
        }
        if waits_for_second && part.len() > 4 {
            return true;
        }
    }
    waits_for_second
}
