//! The targets: what each parser promises of every input. A promise is checked against somebody else's implementation
//! of the same, or against another way to say the same. How the Worker's modules are called is here, once.

pub mod head;
pub mod headers;
pub mod json;
pub mod list;
pub mod pairs;
pub mod request;
pub mod route;
pub mod values;

use serde_json::Value;

use crate::{
    attributes::Attributes,
    auth, body,
    call::Call,
    error::{Code, Error},
    id::Id,
    request::{Head, Request},
    routes::{self, Destination},
};

/// The time of every request here, in seconds.
const NOW: i64 = 1_790_000_000;
/// The token of every request here.
const BEARER: &str = "Bearer self_0123456789ABCDEFGHIJabcdefghij4Us3aw";
/// The id of every request here.
const REQUEST_ID: &str = "V000000000000000";

pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json";

/// The attributes of a body, by the content type.
pub fn attributes(content_type: &str, body: &[u8]) -> Result<Attributes, Error> {
    let head = Head { content_type: Some(content_type.to_owned()), ..Head::default() };
    body::parse(&head, body)
}

/// The call that a request makes; None where it has none to make. `url` begins with its path.
pub fn call(method: &str, url: &str, content_type: &str, body: &[u8]) -> Option<Result<Call, Error>> {
    let head = Head {
        content_type: Some(content_type.to_owned()),
        ..Head::parse(&format!("{method}\nhttps://example.com{url}\n"))
    };
    match routes::find(&head) {
        Ok(Destination::Endpoint(endpoint)) if body.len() <= endpoint.body_limit => {
            let caller = auth::caller(Some(BEARER), endpoint.scope).expect("is a good token");
            let id = Id::parse(REQUEST_ID).expect("is an id");
            Some(Request::parse(&head, &endpoint, &caller, body, &id, NOW).and_then(endpoint.handler))
        }
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    }
}

/// The code of a refusal, whose answer must be the documented object whatever was sent, with headers that fit on a line.
pub fn refusal(error: Error) -> Code {
    let code = error.code;
    let response = error.response("https://example.com", "r1");
    assert_eq!(response.status, code.status());
    let body: Value = serde_json::from_str(&response.body.expect("an error has a body")).expect("the body is JSON");
    let members: Vec<_> = body.as_object().expect("the body is an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["code", "documentation_url", "message", "param", "request_id", "type"]);
    assert_eq!(body["code"], code.name());
    assert!(body["message"].as_str().is_some_and(|message| !message.contains(char::is_control)), "{body}");
    assert!(body["param"].as_str().is_none_or(|param| param.chars().count() <= 64), "{body}");
    for (name, value) in response.headers {
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}: {value}");
    }
    assert!(code != Code::InternalError, "no input is a fault of the service: {body}");
    code
}

/// Text percent-encoded the longest way, every byte of it.
pub fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// How JSON writes what a word of a form means as a boolean, as a whole number, as text.
#[derive(Clone, Copy)]
pub enum Kind {
    Bool,
    Integer,
    Text,
}

pub fn json_of(word: &str, kind: Kind) -> String {
    let bare = match kind {
        Kind::Bool => ["true", "false"].contains(&word),
        Kind::Integer => word.parse::<i64>().is_ok_and(|number| number.to_string() == word),
        Kind::Text => false,
    };
    match word {
        "" => "null".to_owned(),
        word if bare => word.to_owned(),
        word => Value::from(word).to_string(),
    }
}
