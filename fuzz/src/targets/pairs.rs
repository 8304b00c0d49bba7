//! Query strings and forms, against the `form_urlencoded` crate: what browsers' own algorithm makes of them, less what it
//! guesses at.

use std::fmt::Debug;

use super::{FORM, JSON, Kind, attributes, json_of, percent_encoded, refusal};
use crate::{
    attributes::{Attributes, Value},
    error::{Code, Error},
    values::{Reference, Text},
};

/// A query string, as text.
pub fn query(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        agrees(text.as_bytes(), Value::Word, |query| Attributes::of_query(str::from_utf8(query).expect("is text")));
    }
}

/// A form's bytes, which also say the same in JSON.
pub fn form(input: &[u8]) {
    let value = |word: String| if word.is_empty() { Value::Null } else { Value::Word(word) };
    let pairs = agrees(input, value, |form| attributes(FORM, form));
    for (name, word) in pairs.iter().take(4) {
        means_the_same(name, word);
    }
}

type Pairs = Vec<(String, String)>;

/// Accepts what the model accepts and finds the same in it; however else the same pairs are written, they are the same
/// attributes. Gives the pairs, none if the input is refused.
fn agrees(input: &[u8], value: impl Fn(String) -> Value, parse: impl Fn(&[u8]) -> Result<Attributes, Error>) -> Pairs {
    match (parse(input), model(input)) {
        (Ok(parsed), Ok(pairs)) => {
            let mut expected = Attributes::default();
            for (name, word) in &pairs {
                expected.insert(name.clone(), value(word.clone())).expect("the model has each name once");
            }
            assert_eq!(parsed, expected);
            let usual = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let longest: Vec<_> =
                pairs.iter().map(|(name, word)| [percent_encoded(name), percent_encoded(word)].join("=")).collect();
            for encoded in [usual, longest.join("&&")] {
                // A pair of two empty halves can't be told from none.
                if !pairs.iter().any(|(name, word)| name.is_empty() && word.is_empty()) {
                    assert_eq!(parse(encoded.as_bytes()).expect("what is encoded is accepted"), expected, "{encoded}");
                }
            }
            pairs
        }
        (Err(error), Err(code)) => {
            assert_eq!(refusal(error), code);
            Vec::new()
        }
        (parsed, expected) => panic!("parsed as {parsed:?}, expected {expected:?}"),
    }
}

/// The pairs as the crate reads them, or the code of the first thing that it would guess at or pass by.
fn model(input: &[u8]) -> Result<Pairs, Code> {
    let mut pairs = Pairs::new();
    for pair in input.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let hexadecimal = |digits: &[u8]| digits.iter().take(2).filter(|digit| digit.is_ascii_hexdigit()).count() == 2;
        let mut escapes = pair.split(|byte| *byte == b'%').skip(1);
        if !escapes.all(hexadecimal) || percent_encoding::percent_decode(pair).decode_utf8().is_err() {
            return Err(Code::ParameterInvalid);
        }
        let (name, word) = form_urlencoded::parse(pair).into_owned().next().expect("a pair is there");
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(Code::ParameterDuplicate);
        }
        pairs.push((name, word));
    }
    Ok(pairs)
}

/// An attribute of a form is as good as the JSON that says the same, for whoever takes it out as whatever type.
fn means_the_same(name: &str, word: &str) {
    fn same<T: Debug + PartialEq>(
        name: &str,
        word: &str,
        kind: Kind,
        take: impl Fn(&mut Attributes) -> Result<T, Error>,
    ) {
        let form = format!("{}={}", percent_encoded(name), percent_encoded(word));
        let json = format!("{{{}:{}}}", serde_json::Value::from(name), json_of(word, kind));
        let [form, json] = [(FORM, form), (JSON, json)].map(|(content_type, body)| {
            let mut attributes = attributes(content_type, body.as_bytes()).expect("is well-formed");
            let taken = take(&mut attributes).map_err(|error| error.code);
            assert!(attributes.finish(&[]).is_ok(), "what is taken is gone");
            taken
        });
        assert_eq!(form, json);
    }
    if name.is_empty() && word.is_empty() {
        return;
    }
    same(name, word, Kind::Bool, |attributes| attributes.bool(name));
    same(name, word, Kind::Integer, |attributes| attributes.integer(name, i64::MIN, i64::MAX));
    same(name, word, Kind::Integer, |attributes| attributes.nullable_timestamp(name));
    same(name, word, Kind::Text, |attributes| attributes.reference(name));
    same(name, word, Kind::Text, |attributes| attributes.nullable_reference(name));
    same(name, word, Kind::Text, |attributes| attributes.parsed(name, "", Text::parse));
    same(name, word, Kind::Text, |attributes| attributes.nullable_parsed(name, "", Reference::parse));
}
