//! The targets: what each parser promises for every input. A promise is checked against another implementation, or
//! against the same input in another form. This file is the one place that calls the crate for all of them.

pub mod head;
pub mod headers;
pub mod json;
pub mod list;
pub mod pairs;
pub mod request;
pub mod route;
pub mod url;
pub mod values;

use std::borrow::Cow;

use conversations::{
    auth::caller::Caller,
    http::{
        error::{Code, Error},
        head::{Head, Url},
        response::Body,
    },
    id::Id,
    input::{
        attributes::{Attribute, Attributes, Value},
        body,
    },
    query::Query,
    request::Request,
    routes::{self, Destination},
    webhooks::{Settings, signature::Key},
};
use serde_json::Value as Json;

/// The digits of base62.
pub const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The token of every request here.
pub const BEARER: &str = "Bearer self_0123456789ABCDEFGHIJabcdefghij4Us3aw";
/// The id of every request here.
const REQUEST_ID: &str = "V000000000000000";
/// Where every request here is sent.
pub const ORIGIN: &str = "https://example.com";

pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json";

/// A request. `url` begins with the path.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub content_type: &'a str,
    pub body: &'a [u8],
}

impl Sent<'_> {
    /// Whether the path is that of events.
    pub fn reads_events(&self) -> bool {
        self.url.split('?').next() == Some("/v1/events")
    }

    pub fn head(&self) -> Head {
        let (path, query) = self.url.split_once('?').unwrap_or((self.url, ""));
        Head {
            method: self.method.to_owned(),
            url: Url { origin: ORIGIN.to_owned(), path: path.to_owned(), query: query.to_owned() },
            content_type: Some(self.content_type.to_owned()),
            ..Head::default()
        }
    }
}

/// The query that a request becomes. None if it does not reach a handler: it asks for a file, or its body is too large.
pub fn query(head: &Head, body: &[u8]) -> Option<Result<Query, Error>> {
    match routes::find(head) {
        Ok(Destination::Endpoint(endpoint)) if body.len() <= endpoint.max_body => {
            let caller = Caller::authenticate(Some(BEARER), endpoint.scope).expect("is a well-formed token");
            let request_id = Id::parse(REQUEST_ID).expect("is an id");
            let webhooks = Key::parse("k".repeat(32)).map(|key| Settings { key, allow_loopback: false });
            let request = Request::parse(head, endpoint.route, &endpoint.id, &caller, body, &request_id, webhooks);
            Some(request.and_then(endpoint.handler))
        }
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    }
}

/// The attributes of a body, by its content type.
pub fn attributes(content_type: &str, body: &[u8]) -> Result<Attributes, Error> {
    let head = Head { content_type: Some(content_type.to_owned()), ..Head::default() };
    body::parse(&head, body)
}

/// The type of an attribute that accepts every value and keeps it.
#[derive(Debug, PartialEq)]
pub struct Raw(pub Value);

impl Attribute for Raw {
    const EXPECTED: &str = "any value";

    fn parse(value: &Value) -> Option<Self> {
        Some(Self(value.clone()))
    }
}

/// The code of a refusal. Its response must be the documented object for every input, with valid headers.
pub fn refusal(error: Error) -> Code {
    let code = error.code;
    let response = error.into_response(ORIGIN, REQUEST_ID);
    assert_eq!(response.status, code.status());
    let Body::Json(body) = response.body else { panic!("{code:?} has no JSON body") };
    let body: Json = serde_json::from_str(&body).expect("the body is JSON");
    let members: Vec<_> = body.as_object().expect("the body is an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["code", "documentation_url", "message", "param", "request_id", "type"]);
    assert_eq!(body["code"], code.name());
    assert!(body["message"].as_str().is_some_and(|message| !message.contains(char::is_control)), "{body}");
    assert!(body["param"].as_str().is_none_or(|param| param.chars().count() <= 64), "{body}");
    check_headers(&response.headers);
    assert!(code != Code::InternalError, "no input causes a fault of the service: {body}");
    code
}

/// A value that has other characters would break the response.
pub fn check_headers(headers: &[(&str, Cow<'_, str>)]) {
    for (name, value) in headers {
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}: {value}");
    }
}

/// The text with every byte percent-encoded.
pub fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// How JSON writes a form's word: as a boolean, as a whole number, or as text.
#[derive(Clone, Copy)]
pub enum Kind {
    Bool,
    Integer,
    Text,
    /// A list of words, which a form separates by spaces.
    List,
    /// A list of ids, which a form separates by commas.
    Ids,
}

pub fn json_of(word: &str, kind: Kind) -> String {
    let bare = match kind {
        Kind::Bool => ["true", "false"].contains(&word),
        Kind::Integer => word.parse::<i64>().is_ok_and(|number| number.to_string() == word),
        Kind::Text | Kind::List | Kind::Ids => false,
    };
    match word {
        "" => "null".to_owned(),
        word if matches!(kind, Kind::List) => word.split(' ').collect::<Json>().to_string(),
        word if matches!(kind, Kind::Ids) => word.split(',').collect::<Json>().to_string(),
        word if bare => word.to_owned(),
        word => Json::from(word).to_string(),
    }
}
