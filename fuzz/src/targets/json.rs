//! JSON bodies, compared with `serde_json::Value`: the same documents are accepted, and every value is the same.

use std::{collections::HashSet, fmt};

use conversations::{
    http::error::Code,
    input::attributes::{Attributes, Nothing, Value},
};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;

use super::{JSON, Raw, attributes, refusal};

pub fn json(input: &[u8]) {
    if input.is_empty() {
        return; // There is no body at all.
    }
    let parsed = attributes(JSON, input);
    let document = serde_json::from_slice::<Json>(input);
    let names = serde_json::from_slice::<Names>(input).map(|Names(names)| names).ok();
    let each_once = |names: &[String]| names.iter().collect::<HashSet<_>>().len() == names.len();
    match (parsed, document) {
        (Ok(parsed), Ok(Json::Object(members))) => {
            assert!(names.is_some_and(|names| each_once(&names)));
            agrees(parsed, &members);
            // Serialized again, without whitespace and with the usual escapes, it means the same.
            let again = serde_json::to_vec(&members).expect("is JSON");
            agrees(attributes(JSON, &again).expect("is accepted again"), &members);
        }
        (Ok(mut parsed), Err(error)) => {
            // Well-formed JSON with a value that `serde_json` can't represent: no attribute can have that value.
            const LIMITS: [&str; 4] = ["number out of range", "recursion limit", "surrogate", "end of hex escape"];
            assert!(LIMITS.iter().any(|limit| error.to_string().contains(limit)), "accepted in spite of {error}");
            let names = names.expect("is an object");
            assert!(names.iter().any(|name| parsed.take(name).ok() == Some(Raw(Value::Other))));
        }
        (Err(error), document) => match refusal(error) {
            Code::ParameterDuplicate => assert!(names.is_some_and(|names| !each_once(&names))),
            Code::BodyMalformed => assert!(!matches!(document, Ok(Json::Object(_))), "refused for no reason"),
            code => panic!("a body does not cause {code:?}"),
        },
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
            Json::Array(_) | Json::Object(_) => Value::Other,
        };
        assert_eq!(parsed.take(name).ok(), Some(Raw(expected)), "{name:?} is {member}");
    }
    assert!(parsed.parse::<Nothing>().is_ok(), "an attribute that is no member");
}

/// The names of an object's members, with duplicates.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Names;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_map(Members)
    }
}
