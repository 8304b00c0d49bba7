//! A request as plain data: its head as it arrived, and the parsed whole that a handler gets. Pure.

use crate::{
    attributes::Attributes,
    auth::{Caller, Token},
    body,
    conditions::Condition,
    error::Error,
    id::Id,
    idempotency::{Identity, Key},
    routes::Endpoint,
};

/// What a request says before its body. It holds a secret, so it has no `Debug`.
#[derive(Default)]
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
    /// The one header besides that matters to the method: `Idempotency-Key` of a POST, `If-None-Match` of a GET or
    /// HEAD, `If-Match` of a PUT, PATCH or DELETE, `Access-Control-Request-Method` of an OPTIONS.
    pub special: Option<String>,
    /// Whether there is a body, be it empty.
    pub has_body: bool,
}

impl Head {
    /// Reads the lines of `head` in `edge.js`. A header that is absent and one that is empty are the same, but for the
    /// special one, which has a `:` before it.
    pub fn parse(lines: &str) -> Self {
        let mut lines = lines.split('\n');
        let mut next = || lines.next().unwrap_or_default();
        let method = next().to_owned();
        let (origin, path, query) = split(next());
        let has_body = !next().is_empty();
        let mut header = || Some(next().to_owned()).filter(|value| !value.is_empty());
        Self {
            method,
            origin,
            path,
            query,
            has_body,
            authorization: header(),
            special: header().and_then(|value| value.strip_prefix(':').map(str::to_owned)),
            content_type: header(),
            content_encoding: header(),
        }
    }
}

/// A URL as the platform writes it, as origin, path and query. The platform has parsed it: there is a path, and no
/// fragment. (Parsing it again would bring the `url` crate and its tables along, 70 KB of wasm.)
fn split(url: &str) -> (String, String, Option<String>) {
    let (url, query) = match url.split_once('?') {
        Some((url, query)) => (url, Some(query.to_owned())),
        None => (url, None),
    };
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let path = url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |path| host + path);
    let (origin, path) = url.split_at_checked(path).unwrap_or((url, ""));
    (origin.to_owned(), path.to_owned(), query)
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
    /// What its object must be like, or not be like.
    pub condition: Condition,
    /// What it is known by.
    pub identity: Identity,
    /// Whose it is.
    pub token: Token,
    /// Seconds since the Unix epoch.
    pub now: i64,
}

impl Request {
    /// Parses query, body and the header that matters to the method.
    pub fn parse(
        head: &Head,
        endpoint: &Endpoint,
        caller: &Caller,
        body: &[u8],
        request_id: &Id,
        now: i64,
    ) -> Result<Self, Error> {
        let query = Attributes::of_query(head.query.as_deref().unwrap_or_default())?;
        let attributes = body::parse(head, body)?;
        let (mut condition, mut key) = (Condition::None, None);
        if let Some(value) = &head.special {
            match head.method.as_str() {
                "POST" => key = Some((Key::parse(value)?, Identity::fingerprint(&head.method, &head.path, body))),
                "GET" | "HEAD" => condition = Condition::parse("If-None-Match", value)?,
                _ => condition = Condition::parse("If-Match", value)?,
            }
        }
        Ok(Self {
            id: endpoint.id.clone(),
            url: format!("{}{}", head.origin, head.path),
            query,
            body: attributes,
            condition,
            identity: Identity { request_id: request_id.clone(), key },
            token: caller.token.clone(),
            now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_at_its_path_and_its_query() {
        for (url, origin, path, query) in [
            ("https://api.self.chat/v1/conversations", "https://api.self.chat", "/v1/conversations", None),
            ("http://127.0.0.1:8787/?", "http://127.0.0.1:8787", "/", Some("")),
            ("https://h/a?b=/c?d", "https://h", "/a", Some("b=/c?d")),
            ("https://h//v1/x", "https://h", "//v1/x", None),
        ] {
            assert_eq!(split(url), (origin.to_owned(), path.to_owned(), query.map(str::to_owned)), "{url}");
        }
    }

    #[test]
    fn an_absent_header_is_none() {
        let head = Head::parse("POST\nhttps://h/a\nbody\n\n\napplication/json\n");
        assert_eq!((head.method.as_str(), head.path.as_str()), ("POST", "/a"));
        assert_eq!((head.authorization, head.content_type.as_deref()), (None, Some("application/json")));
        assert!(head.has_body && head.special.is_none() && head.query.is_none());
    }

    #[test]
    fn a_special_header_that_is_empty_is_there() {
        assert_eq!(Head::parse("POST\nhttps://h/a\n\n\n:\n\n").special.as_deref(), Some(""));
        assert_eq!(Head::parse("POST\nhttps://h/a\n\n\n:a:b\n\n").special.as_deref(), Some("a:b"));
    }
}
