//! JSON bodies, against `serde_json::Value`: the same documents are accepted, and every value is the same.

use std::{collections::HashSet, fmt};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::{JSON, attributes, refusal};
use crate::{
    attributes::{Attributes, Field},
    error::Code,
};

pub fn json(input: &[u8]) {
    if input.is_empty() {
        return; // no body at all
    }
    let parsed = attributes(JSON, input);
    let document = serde_json::from_slice::<Value>(input);
    let names = serde_json::from_slice::<Names>(input).map(|Names(names)| names).ok();
    let each_once = |names: &[String]| names.iter().collect::<HashSet<_>>().len() == names.len();
    match (parsed, document) {
        (Ok(_), Ok(Value::Object(members))) => {
            assert!(names.is_some_and(|names| each_once(&names)));
            agrees(input, &members);
            // Written anew, without whitespace and with the usual escapes, it says the same.
            let again = serde_json::to_vec(&members).expect("is JSON");
            agrees(&again, &members);
        }
        (Ok(_), Err(error)) => {
            // Well-formed JSON, but nothing that can be represented: such a value is no attribute's.
            const LIMITS: [&str; 4] = ["number out of range", "recursion limit", "surrogate", "end of hex escape"];
            assert!(LIMITS.iter().any(|limit| error.to_string().contains(limit)), "accepted in spite of {error}");
            let names = names.expect("is an object");
            assert!(names.iter().any(|name| KINDS.iter().all(|kind| !kind(&mut parse(input), name))));
        }
        (Err(error), document) => match refusal(error) {
            Code::ParameterDuplicate => assert!(names.is_some_and(|names| !each_once(&names))),
            Code::BodyMalformed => assert!(!matches!(document, Ok(Value::Object(_))), "refused for no reason"),
            code => panic!("a body is not to blame for {code:?}"),
        },
        (Ok(_), Ok(document)) => panic!("accepted, but no object: {document}"),
    }
}

fn parse(input: &[u8]) -> Attributes {
    attributes(JSON, input).expect("was accepted before")
}

/// Whether an attribute can be taken out as null, a boolean, a whole number, text: as one of them at most.
const KINDS: [fn(&mut Attributes, &str) -> bool; 4] = [
    |attributes, name| matches!(attributes.nullable_parsed(name, "", |_| None::<()>), Ok(Field::Null)),
    |attributes, name| attributes.bool(name).is_ok(),
    |attributes, name| attributes.integer(name, i64::MIN, i64::MAX).is_ok(),
    |attributes, name| attributes.parsed(name, "", |text| Some(text.to_owned())).is_ok(),
];

/// The attributes are these members and no others, each of its own type alone and of its own value.
fn agrees(input: &[u8], members: &serde_json::Map<String, Value>) {
    let mut all = parse(input);
    for (name, value) in members {
        let expected = match value {
            Value::Null => [true, false, false, false],
            Value::Bool(value) => {
                assert_eq!(all.bool(name).ok(), Some(Some(*value)));
                [false, true, false, false]
            }
            Value::Number(number) if number.is_i64() => {
                assert_eq!(all.integer(name, i64::MIN, i64::MAX).ok().flatten(), number.as_i64());
                [false, false, true, false]
            }
            Value::String(value) => {
                assert_eq!(all.parsed(name, "", |text| Some(text.to_owned())).ok().flatten().as_ref(), Some(value));
                [false, false, false, true]
            }
            Value::Number(_) | Value::Array(_) | Value::Object(_) => [false; 4],
        };
        // One parse each, which adds up: a few members tell as much as hundreds.
        if members.len() <= 8 {
            assert_eq!(KINDS.map(|kind| kind(&mut parse(input), name)), expected, "{name:?} is {value}");
        }
        let _ = all.bool(name); // whatever it was, it is taken
    }
    assert!(all.finish(&[]).is_ok(), "an attribute that is no member");
}

/// The names of an object's members, doubles kept.
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
