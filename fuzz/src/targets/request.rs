//! Whole requests, up to the statements they become: said in another way, they become the same.

use serde_json::Value;

use super::{FORM, JSON, Kind, call, json_of, percent_encoded, refusal};
use crate::{
    call::{Call, Parameter},
    error::{Code, Error},
};

/// Three lines, the last of any length: `METHOD path?query`, the content type, the body.
pub fn request(input: &[u8]) {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (first, content_type, body) = (next(), next(), next());
    let (Ok(first), Ok(content_type)) = (str::from_utf8(first), str::from_utf8(content_type)) else { return };
    let (method, url) = first.split_once(' ').unwrap_or(("GET", first));
    let Some(result) = call(method, url, content_type, body) else { return };
    let expected = outcome(result);
    let becomes = |url: &str, content_type: &str, body: &[u8]| {
        call(method, url, content_type, body).map(outcome).expect("the route is the same")
    };
    assert_eq!(becomes(url, content_type, body), expected, "the second time");

    if let Some((path, query)) = url.split_once('?')
        && expected.is_ok()
    {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, word)| format!("{}={}", percent_encoded(&name), percent_encoded(&word)))
            .collect();
        assert_eq!(becomes(&format!("{path}?{}", pairs.join("&")), content_type, body), expected);
    }
    if content_type == JSON
        && expected.is_ok()
        && let Ok(Value::Object(members)) = serde_json::from_slice(body)
    {
        for (name, value) in members {
            assert!(is_a(kind(&name), &value), "{name} can't be {value}");
        }
    }
    // A repetition is told by the bytes of its body: they must not mean one thing as a form and another as JSON.
    if !body.is_empty() {
        let accepted = [FORM, JSON].map(|content_type| becomes(url, content_type, body).is_ok());
        assert_ne!(accepted, [true; 2], "a form and JSON at once");
    }
    if content_type == FORM && expected.is_ok() {
        let members: Vec<_> = form_urlencoded::parse(body)
            .map(|(name, word)| format!("{}:{}", Value::from(&*name), json_of(&word, kind(&name))))
            .collect();
        let json = format!("{{{}}}", members.join(","));
        assert_eq!(becomes(url, JSON, json.as_bytes()), expected, "{json}");
    }
}

/// What JSON writes an attribute as.
fn kind(name: &str) -> Kind {
    match name {
        "distinct" | "is_pinned" | "is_muted" => Kind::Bool,
        "archived_at" | "last_opened_at" | "read_at" | "expires_at" | "grace_period" => Kind::Integer,
        _ => Kind::Text,
    }
}

/// Whether a value is of the type, or null: a number is not a word, nor a word a number.
fn is_a(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Bool => value.is_boolean(),
        Kind::Integer => value.is_i64() || value.is_null(),
        Kind::Text => value.is_string() || value.is_null(),
    }
}

/// What a request becomes: its statements and their parameters, or the code of its refusal.
fn outcome(result: Result<Call, Error>) -> Result<Vec<(&'static str, Vec<Parameter>)>, Code> {
    let call = result.map_err(refusal)?;
    assert!(call.answer < call.statements.len(), "one of the statements answers");
    // A new token's salt and hash are different every time.
    let random = |text: &str| [32, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let masked = |parameter| match parameter {
        Parameter::Text(text) if random(&text) => Parameter::Text("random".to_owned()),
        other => other,
    };
    let statements = call.statements.into_iter();
    Ok(statements.map(|statement| (statement.sql, statement.parameters.into_iter().map(masked).collect())).collect())
}
