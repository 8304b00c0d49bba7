//! The types of attributes: whatever text is accepted is the only way to write what it was taken for, in a query, in a
//! form and, bare, in JSON.

use std::fmt::Display;

use super::{FORM, JSON, attributes, percent_encoded};
use crate::{
    attributes::{Attributes, Field},
    auth::Scope,
    error::Error,
    id::Id,
    values::{Name, Reference, Scopes, Text, Timestamp},
};

pub fn values(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };

    let word = |byte: u8| byte.is_ascii_alphanumeric();
    exact(text, Id::parse(text), text.len() == 16 && text.bytes().all(word));
    let word = |byte: u8| word(byte) || byte == b'_' || byte == b'-';
    exact(text, Reference::parse(text), (1..=64).contains(&text.len()) && text.bytes().all(word));
    exact(text, Text::parse(text), (1..=10_000).contains(&text.chars().count()) && !text.contains('\0'));

    let breaks = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    let blank = text.chars().all(char::is_whitespace);
    exact(text, Name::parse(text), text.chars().count() <= 64 && !text.chars().any(breaks) && !blank);

    // Of scopes the order is free.
    let mut scopes: Vec<_> =
        text.split(' ').filter_map(|name| Scope::ALL.into_iter().find(|s| s.name() == name)).collect();
    scopes.sort_by_key(|scope| scope.bit());
    scopes.dedup();
    let bits: i64 = scopes.iter().map(|scope| scope.bit()).sum();
    assert_eq!(Scopes::parse(text).map(Scopes::bits), (scopes.len() == text.split(' ').count()).then_some(bits));

    // Whole numbers by the grammar of the contract: a zero, or digits that don't begin with one, perhaps negative.
    let digits = text.strip_prefix('-').unwrap_or(text);
    let usual = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let whole = (usual && text.parse::<i64>().is_ok()) || text == "0";
    let seconds = whole && !text.starts_with('-') && text.parse::<u64>().is_ok_and(|seconds| seconds < 253_402_300_800);

    let encoded = percent_encoded(text);
    let query = format!("n={encoded}");
    let sources: [(&str, Result<Attributes, Error>); 3] = [
        ("query", Attributes::of_query(&query)),
        ("form", attributes(FORM, query.as_bytes())),
        ("json", attributes(JSON, format!("{{\"n\":{text}}}").as_bytes())),
    ];
    for (source, parsed) in sources {
        // Bare text that is more than one JSON value can be anything, and JSON may have space around a value.
        if source == "json" && (parsed.is_err() || text.trim() != text || text.contains([',', ':'])) {
            continue;
        }
        let again = || match source {
            "query" => Attributes::of_query(&query),
            "form" => attributes(FORM, query.as_bytes()),
            _ => attributes(JSON, format!("{{\"n\":{text}}}").as_bytes()),
        };
        assert_eq!(again().expect("is well-formed"), parsed.expect("is well-formed"), "{source}");
        let take = || again().expect("is well-formed");
        exact(text, take().bool("n").ok().flatten(), text == "true" || text == "false");
        exact(text, take().integer("n", i64::MIN, i64::MAX).ok().flatten(), whole);
        let timestamp = take().nullable_timestamp("n").ok().and_then(Field::value);
        exact(text, timestamp.map(Timestamp::seconds), seconds);
    }
}

/// Accepted when it should be, and then written the way it came.
fn exact<T: Display>(text: &str, value: Option<T>, accepted: bool) {
    assert_eq!(value.map(|value| value.to_string()).as_deref(), accepted.then_some(text));
}
