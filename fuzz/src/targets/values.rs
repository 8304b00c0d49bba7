//! The types of attributes: there is one way to write each value, and it is the same in a query, a form and JSON.

use std::fmt::{Debug, Display};

use conversations::{
    auth::scopes::{Scope, Scopes},
    id::Id,
    input::{
        attributes::{Attribute, Attributes, Field, FromAttribute, Value},
        values::{Description, GracePeriod, Name, Reference, Text, Timestamp},
    },
    paging::Limit,
};
use serde_json::Value as Json;

use super::{FORM, JSON, Raw, attributes, percent_encoded};

pub fn values(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let query = format!("n={}", percent_encoded(text));
    let word = || Value::Word(text.to_owned());
    let empty_is_null = if text.is_empty() { Value::Null } else { word() };
    let mut values = vec![Value::Null, Value::Bool(true), Value::Bool(false), Value::Other];
    values.extend([
        only(Attributes::of_query(&query).expect("is a query"), word()),
        only(attributes(FORM, query.as_bytes()).expect("is a form"), empty_is_null),
        only(
            attributes(JSON, format!("{{\"n\":{}}}", Json::from(text)).as_bytes()).expect("is JSON"),
            Value::Text(text.to_owned()),
        ),
    ]);
    // The text as it is may be JSON too: a number, a literal, a list.
    if let Ok(value) = serde_json::from_str::<Json>(text)
        && text.trim() == text
        && let Ok(mut attributes) = attributes(JSON, format!("{{\"n\":{text}}}").as_bytes())
    {
        let Raw(bare) = attributes.take("n").expect("the attribute is there");
        assert_eq!(value.is_boolean(), matches!(bare, Value::Bool(_)));
        assert_eq!(value.is_i64(), matches!(bare, Value::Integer(_)));
        values.push(bare);
    }
    for value in &values {
        types(value);
    }
}

/// The value of `n`, the only attribute, which must be `expected`.
fn only(mut attributes: Attributes, expected: Value) -> Value {
    assert_eq!(attributes.take("n").ok(), Some(Raw(expected.clone())));
    expected
}

/// Each type accepts the value if its grammar does, and then shows the text that was sent.
fn types(value: &Value) {
    // How the value was written: as text, or bare.
    let text = value.as_text();
    let word = matches!(value, Value::Word(_));
    let bare = match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Integer(number) => Some(number.to_string()),
        _ => text.filter(|_| word).map(str::to_owned),
    };
    let bare = bare.as_deref();

    exact::<bool>(value, bare, |text| text == "true" || text == "false");
    // Whole numbers by the grammar of the contract: a zero, or digits that don't begin with one, perhaps negative.
    let whole = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let usual = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        text.parse::<i64>().ok().filter(|_| usual || text == "0")
    };
    let within = |from: i64, to: i64| move |text: &str| whole(text).is_some_and(|number| (from..=to).contains(&number));
    accepted_as(text_of(value.as_integer()), bare, within(i64::MIN, i64::MAX));
    accepted_as(text_of(Timestamp::parse(value).map(Timestamp::seconds)), bare, within(0, 253_402_300_799));
    accepted_as(text_of(GracePeriod::parse(value).map(GracePeriod::seconds)), bare, within(0, 86_400));
    accepted_as(text_of(Limit::parse(value).map(|limit| limit.and_one_more() - 1)), bare, within(1, 100));

    let alphanumeric = |byte: u8| byte.is_ascii_alphanumeric();
    exact::<Id>(value, text, |text| text.len() == 16 && text.bytes().all(alphanumeric));
    let url_safe = |byte: u8| alphanumeric(byte) || byte == b'_' || byte == b'-';
    exact::<Reference>(value, text, |text| (1..=64).contains(&text.len()) && text.bytes().all(url_safe));
    exact::<Text>(value, text, |text| {
        let lays_out = |c: char| ['\t', '\n', '\r'].contains(&c);
        (1..=10_000).contains(&text.chars().count()) && text.chars().all(|c| !c.is_control() || lays_out(c))
    });
    let one_line = |most: usize| {
        move |text: &str| {
            let blank = text.chars().all(char::is_whitespace);
            text.chars().count() <= most && !text.chars().any(|c| c.is_control() || is_hidden(c)) && !blank
        }
    };
    exact::<Name>(value, text, one_line(64));
    exact::<Description>(value, text, one_line(100));

    // The order of scopes is free.
    let names: Vec<_> = text.unwrap_or_default().split(' ').collect();
    let scopes = Scope::ALL.into_iter().filter(|scope| names.contains(&scope.name()));
    let (count, bits) = scopes.fold((0, 0), |(count, bits), scope| (count + 1, bits + scope.bit()));
    let parsed = <Scopes as Attribute>::parse(value).map(Scopes::bits);
    assert_eq!(parsed, (count == names.len()).then_some(bits));
}

/// Of Unicode's data the categories Cf, Zl and Zp but for signs that are visible (Arabic, Syriac, Kaithi and
/// hieroglyphs), and the property Default_Ignorable_Code_Point.
fn is_hidden(c: char) -> bool {
    const RANGES: [(u32, u32); 17] = [
        (0xad, 0xad),
        (0x34f, 0x34f),
        (0x61c, 0x61c),
        (0x115f, 0x1160),
        (0x17b4, 0x17b5),
        (0x180b, 0x180f),
        (0x200b, 0x200f),
        (0x2028, 0x202e),
        (0x2060, 0x206f),
        (0x3164, 0x3164),
        (0xfe00, 0xfe0f),
        (0xfeff, 0xfeff),
        (0xffa0, 0xffa0),
        (0xfff0, 0xfffb),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0000, 0xe0fff),
    ];
    RANGES.iter().any(|(from, to)| (*from..=*to).contains(&u32::from(c)))
}

/// Accepted if the value was written as `text` and the grammar accepts that. Then it shows itself as that text.
/// An `Option` and a `Field` accept the same, and a `Field` also null.
fn exact<T: Attribute + Display + Debug>(value: &Value, text: Option<&str>, grammar: impl Fn(&str) -> bool) {
    accepted_as(text_of(T::parse(value)), text, grammar);
    let sent = || Some(value.clone());
    let accepted = T::parse(value).is_some();
    assert_eq!(<Option<T>>::from_attribute("n", sent()).is_ok(), accepted);
    assert!(matches!(<Option<T>>::from_attribute("n", None), Ok(None)));
    let null = *value == Value::Null;
    match Field::<T>::from_attribute("n", sent()) {
        Ok(Field::Null) => assert!(null),
        Ok(Field::Value(_)) => assert!(accepted && !null),
        Ok(Field::Absent) => panic!("{value:?} was sent"),
        Err(_) => assert!(!accepted && !null),
    }
    assert!(matches!(Field::<T>::from_attribute("n", None), Ok(Field::Absent)));
}

fn accepted_as(shown: Option<String>, text: Option<&str>, grammar: impl Fn(&str) -> bool) {
    assert_eq!(shown.as_deref(), text.filter(|text| grammar(text)));
}

fn text_of<T: Display>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}
