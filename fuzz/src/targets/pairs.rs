//! Query strings and forms, compared with the `form_urlencoded` crate, which implements the algorithm of browsers.
//! Where that guesses, the input must be refused.

use std::fmt::Debug;

use conversations::{
    auth::scopes::Scopes,
    http::error::{Code, Error},
    id::Id,
    input::{
        attributes::{Attributes, Field, FromAttribute, Value},
        values::{Name, Reference, Text, Timestamp},
    },
    paging::Limit,
};

use super::{FORM, JSON, Kind, attributes, json_of, percent_encoded, refusal};

/// A query string, as text.
pub fn query(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        agrees(text.as_bytes(), Value::Word, |query| Attributes::of_query(str::from_utf8(query).expect("is text")));
    }
}

/// The bytes of a form. The same attributes in JSON have the same values.
pub fn form(input: &[u8]) {
    const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    let first = percent_encoding::percent_decode(input.trim_ascii_start()).next();
    if !input.is_empty() && (MARKS.iter().any(|mark| input.starts_with(mark)) || is_of_json(first)) {
        // It is another encoding, or JSON.
        return assert_eq!(attributes(FORM, input).map_err(refusal), Err(Code::BodyMalformed));
    }
    let value = |word: String| if word.is_empty() { Value::Null } else { Value::Word(word) };
    let pairs = agrees(input, value, |form| attributes(FORM, form));
    for (name, word) in pairs.iter().take(4) {
        means_the_same(name, word);
    }
}

/// Whether a JSON object or list begins with this byte.
const fn is_of_json(byte: Option<u8>) -> bool {
    matches!(byte, Some(b'{' | b'['))
}

type Pairs = Vec<(String, String)>;

/// The parser accepts what the model accepts, with the same pairs, and finds them again in other encodings. Returns the
/// pairs, none if the input is refused.
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
                // A pair of two empty halves can't be told from none, and a form that begins with such a name from JSON.
                let begins_json = pairs.first().is_some_and(|(name, _)| is_of_json(name.bytes().next()));
                if !begins_json && !pairs.iter().any(|(name, word)| name.is_empty() && word.is_empty()) {
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

/// The pairs as the crate reads them, or the code of the first error that the crate ignores.
fn model(input: &[u8]) -> Result<Pairs, Code> {
    let mut pairs = Pairs::new();
    for pair in input.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == 64 {
            return Err(Code::ParametersTooMany);
        }
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

/// An attribute of a form has the same value as the same attribute in JSON, for every type.
fn means_the_same(name: &str, word: &str) {
    fn same<T: FromAttribute + Debug + PartialEq>(name: &str, word: &str, kind: Kind) {
        let form = format!("{}={}", percent_encoded(name), percent_encoded(word));
        let json = format!("{{{}:{}}}", serde_json::Value::from(name), json_of(word, kind));
        let [form, json] = [(FORM, form), (JSON, json)].map(|(content_type, body)| {
            let mut attributes = attributes(content_type, body.as_bytes()).expect("is well-formed");
            let taken = attributes.take::<T>(name).map_err(|error| error.code);
            assert!(attributes.is_empty(), "the attribute was taken");
            taken
        });
        assert_eq!(form, json);
    }
    if (name.is_empty() && word.is_empty()) || is_of_json(name.bytes().next()) {
        return;
    }
    same::<bool>(name, word, Kind::Bool);
    same::<Option<bool>>(name, word, Kind::Bool);
    same::<Limit>(name, word, Kind::Integer);
    same::<Field<Timestamp>>(name, word, Kind::Integer);
    same::<Id>(name, word, Kind::Text);
    same::<Option<Reference>>(name, word, Kind::Text);
    same::<Field<Reference>>(name, word, Kind::Text);
    same::<Text>(name, word, Kind::Text);
    same::<Name>(name, word, Kind::Text);
    same::<Scopes>(name, word, Kind::Text);
}
