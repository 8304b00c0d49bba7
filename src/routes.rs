//! The route table on one screen: method and path to endpoint; 404, 405 with `Allow`, HEAD as GET.

use crate::{
    auth::scopes::Scope::{
        self, Any, ConversationsRead, ConversationsWrite, EventsRead, MessagesRead, MessagesWrite, TokensWrite,
        WebhooksWrite,
    },
    conversations, events, health,
    http::{
        error::{Code, Error},
        head::Head,
    },
    messages,
    query::Query,
    request::Request,
    tokens, webhooks,
};

/// Bytes of a body. Contract, "Requests".
const SMALL: usize = 16 * 1024;
/// Bytes of a body in which a message's text travels. Its 10,000 characters are at most 120,000 bytes: a character
/// takes up to 12, as a form (`%F0%9F%98%80`) and as JSON (`\ud83d\ude00`). The rest is for the other attributes.
const LARGE: usize = 128 * 1024;

type Handler = fn(Request) -> Result<Query, Error>;
type Method = (&'static str, Option<Scope>, Handler);

/// Every endpoint: its path, the largest body, and for each method the scope that it needs and its handler.
#[rustfmt::skip]
const TABLE: &[(&str, usize, &[Method])] = &[
    ("/v1/conversations", SMALL, &[
        ("GET",    Some(ConversationsRead),  conversations::list),
        ("POST",   Some(ConversationsWrite), conversations::create),
        ("PATCH",  Some(ConversationsWrite), conversations::update_many),
    ]),
    ("/v1/conversations/:id", SMALL, &[
        ("GET",    Some(ConversationsRead),  conversations::retrieve),
        ("PUT",    Some(ConversationsWrite), conversations::update),
        ("PATCH",  Some(ConversationsWrite), conversations::update),
        ("DELETE", Some(ConversationsWrite), conversations::delete),
    ]),
    ("/v1/messages", LARGE, &[
        ("GET",    Some(MessagesRead),       messages::list),
        ("POST",   Some(MessagesWrite),      messages::create),
    ]),
    ("/v1/messages/:id", LARGE, &[
        ("GET",    Some(MessagesRead),       messages::retrieve),
        ("PUT",    Some(MessagesWrite),      messages::update),
        ("PATCH",  Some(MessagesWrite),      messages::update),
        ("DELETE", Some(MessagesWrite),      messages::delete),
    ]),
    ("/v1/token", SMALL, &[
        ("GET",    Some(Any),                tokens::retrieve_own),
    ]),
    ("/v1/tokens", SMALL, &[
        ("GET",    Some(TokensWrite),        tokens::list),
        ("POST",   Some(TokensWrite),        tokens::create),
    ]),
    ("/v1/tokens/:id", SMALL, &[
        ("GET",    Some(TokensWrite),        tokens::retrieve),
        ("DELETE", Some(TokensWrite),        tokens::revoke),
    ]),
    ("/v1/tokens/:id/rotate", SMALL, &[
        ("POST",   Some(TokensWrite),        tokens::rotate),
    ]),
    ("/v1/events", SMALL, &[
        ("GET",    Some(EventsRead),         events::list),
    ]),
    ("/v1/webhooks", SMALL, &[
        ("GET",    Some(WebhooksWrite),      webhooks::list),
        ("POST",   Some(WebhooksWrite),      webhooks::create),
    ]),
    ("/v1/webhooks/:id", SMALL, &[
        ("GET",    Some(WebhooksWrite),      webhooks::retrieve),
        ("PUT",    Some(WebhooksWrite),      webhooks::update),
        ("PATCH",  Some(WebhooksWrite),      webhooks::update),
        ("DELETE", Some(WebhooksWrite),      webhooks::delete),
    ]),
    ("/v1/webhooks/:id/rotate", SMALL, &[
        ("POST",   Some(WebhooksWrite),      webhooks::rotate),
    ]),
    ("/v1/webhooks/:id/ping", SMALL, &[
        ("POST",   Some(WebhooksWrite),      webhooks::ping),
    ]),
    ("/v1/webhooks/:id/attempts", SMALL, &[
        ("GET",    Some(WebhooksWrite),      webhooks::attempts),
    ]),
    // No scope: no token is needed.
    ("/health", SMALL, &[
        ("GET",    None,                     health::health),
    ]),
];

/// The static files, which `scripts/site.ts` makes. What the pages need lies under `/assets/`.
const FILES: &[&str] = &[
    "/",
    "/inbox",
    "/webhooks",
    "/openapi.json",
    "/openapi.yaml",
    "/llms.txt",
    "/favicon.ico",
    "/.well-known/security.txt",
];

/// One method of one path.
#[derive(Debug)]
pub struct Endpoint {
    /// The path's pattern.
    pub route: &'static str,
    /// What stands for `:id` in the path. Empty where there is none.
    pub id: String,
    /// What the token must have. None where no token is needed.
    pub scope: Option<Scope>,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// Turns the request into its query.
    pub handler: Handler,
}

/// Where a request goes.
#[derive(Debug)]
pub enum Destination {
    /// To an endpoint.
    Endpoint(Endpoint),
    /// To a static file.
    File,
    /// A browser asks whether a page may send a request.
    Preflight,
    /// An OPTIONS request asks for a path's methods, which are these.
    Options(String),
}

/// Finds where a request goes. Errors: 404, or 405 with `Allow`.
pub fn find(head: &Head) -> Result<Destination, Error> {
    let (method, path) = (head.method.as_str(), head.url.path.as_str());
    if method == "OPTIONS" && head.access_control_request_method.is_some() {
        return Ok(Destination::Preflight);
    }
    if FILES.contains(&path) || path.starts_with("/assets/") {
        return match method {
            "GET" | "HEAD" => Ok(Destination::File),
            _ => options_or_refusal(method, &["GET"]),
        };
    }
    let (route, id, max_body, methods) = TABLE
        .iter()
        .find_map(|(route, max_body, methods)| matches(route, path).map(|id| (*route, id, *max_body, methods)))
        .ok_or_else(path_unknown)?;
    let wanted = if method == "HEAD" { "GET" } else { method };
    match methods.iter().find(|(method, ..)| *method == wanted) {
        Some(&(_, scope, handler)) => {
            Ok(Destination::Endpoint(Endpoint { route, id: id.to_owned(), scope, max_body, handler }))
        }
        None => options_or_refusal(method, &methods.iter().map(|(method, ..)| *method).collect::<Vec<_>>()),
    }
}

/// 404 for a path without an endpoint.
pub fn path_unknown() -> Error {
    Error::new(
        Code::PathUnknown,
        "No endpoint has this path. Paths start with /v1/conversations, /v1/messages, /v1/token, /v1/tokens, \
         /v1/events or /v1/webhooks and have no trailing slash.",
    )
}

/// The path's `:id`, or the empty string where the pattern has none. None when the path is another one.
fn matches<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    match pattern.split_once(":id") {
        None => (path == pattern).then_some(""),
        Some((before, after)) => {
            path.strip_prefix(before)?.strip_suffix(after).filter(|id| !id.is_empty() && !id.contains('/'))
        }
    }
}

/// Whether no cache may store what the route answers with, a browser's own included: messages, also those of events,
/// tokens and webhooks.
pub fn is_private(route: &str) -> bool {
    ["/v1/messages", "/v1/token", "/v1/events", "/v1/webhooks"].iter().any(|private| route.starts_with(private))
}

fn options_or_refusal(method: &str, methods: &[&str]) -> Result<Destination, Error> {
    let mut allow = methods.join(", ").replace("GET", "GET, HEAD");
    allow.push_str(", OPTIONS");
    if method == "OPTIONS" {
        return Ok(Destination::Options(allow));
    }
    let message = ["This path does not support the method. Supported: ", &allow, "."].concat();
    Err(Error::new(Code::MethodNotAllowed, message).with_header("allow", allow))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::Url;

    fn to(method: &str, path: &str) -> Result<Destination, Error> {
        let url = Url { path: path.to_owned(), ..Url::default() };
        find(&Head { method: method.to_owned(), url, ..Head::default() })
    }

    fn code(method: &str, path: &str) -> Option<Code> {
        to(method, path).err().map(|error| error.code)
    }

    #[test]
    fn head_goes_where_get_goes() {
        for method in ["GET", "HEAD"] {
            assert!(matches!(to(method, "/v1/conversations"), Ok(Destination::Endpoint(_))));
        }
    }

    #[test]
    fn an_id_is_one_segment() {
        assert!(
            matches!(to("GET", "/v1/conversations/abc"), Ok(Destination::Endpoint(endpoint)) if endpoint.id == "abc")
        );
        assert!(
            matches!(to("POST", "/v1/tokens/abc/rotate"), Ok(Destination::Endpoint(endpoint)) if endpoint.id == "abc")
        );
        assert_eq!(code("POST", "/v1/tokens//rotate"), Some(Code::PathUnknown));
        assert_eq!(code("POST", "/v1/tokens/a/b/rotate"), Some(Code::PathUnknown));
    }

    #[test]
    fn a_trailing_slash_is_another_path() {
        for path in [
            "",
            "/v1",
            "/v1/",
            "/v1/conversations/",
            "/v1/conversations/a/b",
            "/V1/conversations",
            "//v1/conversations",
        ] {
            assert_eq!(code("GET", path), Some(Code::PathUnknown), "{path}");
        }
    }

    #[test]
    fn a_known_path_with_another_method_is_405() {
        for method in ["DELETE", "PROPFIND", "get", "", "TRACE"] {
            assert_eq!(code(method, "/v1/conversations"), Some(Code::MethodNotAllowed), "{method}");
        }
        assert_eq!(code("POST", "/v1/conversations/abc"), Some(Code::MethodNotAllowed));
        assert_eq!(code("POST", "/"), Some(Code::MethodNotAllowed));
    }

    #[test]
    fn options_lists_the_methods() {
        let allow = |path| match to("OPTIONS", path) {
            Ok(Destination::Options(allow)) => allow,
            other => panic!("{other:?}"),
        };
        assert_eq!(allow("/v1/conversations"), "GET, HEAD, POST, PATCH, OPTIONS");
        assert_eq!(allow("/v1/conversations/abc"), "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    }
}
