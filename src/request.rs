//! A request as plain data: its head as it arrived, and the parsed whole that a handler gets. Pure.

use crate::{attributes::Attributes, body, error::Error, routes::Endpoint};

/// What a request says before its body.
#[derive(Debug, Default)]
pub struct Head {
    /// The verb as sent, in capitals where it is a known one.
    pub method: String,
    /// Scheme and host: `https://api.example.com`.
    pub origin: String,
    /// The path as sent, percent-encoding and all.
    pub path: String,
    /// What follows the `?`, if there is one.
    pub query: Option<String>,
    /// `Authorization`.
    pub authorization: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// Whether `Access-Control-Request-Method` is there: with `OPTIONS`, a browser's preflight.
    pub asks_preflight: bool,
}

/// A request whose form has been checked; what its attributes mean is the handler's to say.
#[derive(Debug)]
pub struct Request {
    /// The `:id` of the path, unchecked; empty on a collection.
    pub id: String,
    /// Scheme, host and path, for links.
    pub url: String,
    /// The query string.
    pub query: Attributes,
    /// The body, form or JSON alike.
    pub body: Attributes,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
}

impl Request {
    /// Parses query and body.
    pub fn parse(head: &Head, endpoint: &Endpoint, body: &[u8], now: u64) -> Result<Self, Error> {
        Ok(Self {
            id: endpoint.id.clone(),
            url: format!("{}{}", head.origin, head.path),
            query: Attributes::of_query(head.query.as_deref().unwrap_or_default())?,
            body: body::parse(head, body)?,
            now,
        })
    }
}
