//! The route table on one screen: method and path to endpoint; 404, 405 with `Allow`, HEAD as GET. Pure.

use crate::{
    auth::Scope::{self, ConversationsRead, ConversationsWrite, MessagesRead, MessagesWrite, TokensWrite},
    call::Call,
    conversations,
    error::{Code, Error},
    messages,
    request::{Head, Request},
    tokens,
};

/// Bytes of a body. Contract, "Requests".
const SMALL: usize = 16 * 1024;
/// Bytes of a body in which a message's text travels.
const LARGE: usize = 64 * 1024;

type Handler = fn(Request) -> Result<Call, Error>;
type Verb = (&'static str, Scope, Handler);

/// Every endpoint of the API: its path, the largest body, and for each verb the scope it needs and what it does.
#[rustfmt::skip]
const TABLE: &[(&str, usize, &[Verb])] = &[
    ("/v1/conversations", SMALL, &[
        ("GET",    ConversationsRead,  conversations::list),
        ("POST",   ConversationsWrite, conversations::create),
    ]),
    ("/v1/conversations/:id", SMALL, &[
        ("GET",    ConversationsRead,  conversations::retrieve),
        ("PUT",    ConversationsWrite, conversations::update),
        ("PATCH",  ConversationsWrite, conversations::update),
        ("DELETE", ConversationsWrite, conversations::delete),
    ]),
    ("/v1/messages", LARGE, &[
        ("GET",    MessagesRead,       messages::list),
        ("POST",   MessagesWrite,      messages::create),
    ]),
    ("/v1/messages/:id", LARGE, &[
        ("GET",    MessagesRead,       messages::retrieve),
        ("PUT",    MessagesWrite,      messages::update),
        ("PATCH",  MessagesWrite,      messages::update),
        ("DELETE", MessagesWrite,      messages::delete),
    ]),
    ("/v1/tokens", SMALL, &[
        ("GET",    TokensWrite,        tokens::list),
        ("POST",   TokensWrite,        tokens::create),
    ]),
    ("/v1/tokens/:id", SMALL, &[
        ("GET",    TokensWrite,        tokens::retrieve),
        ("DELETE", TokensWrite,        tokens::revoke),
    ]),
    ("/v1/tokens/:id/rotate", SMALL, &[
        ("POST",   TokensWrite,        tokens::rotate),
    ]),
];

/// The pages, which come from `site/`; what they need lies under `/assets/`.
const FILES: &[&str] = &["/", "/inbox", "/openapi.json"];

/// Where whoever watches the service asks whether it is well. No token is needed.
pub const HEALTH: &str = "/health";

/// One verb of one path.
#[derive(Debug)]
pub struct Endpoint {
    /// The path's pattern.
    pub route: &'static str,
    /// What stands for `:id` in the path; empty where there is none.
    pub id: String,
    /// What the token must have.
    pub scope: Scope,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// Turns the request into its call to D1.
    pub handler: Handler,
}

/// Where a request goes.
#[derive(Debug)]
pub enum Destination {
    /// To an endpoint of the API.
    Endpoint(Endpoint),
    /// To a static file.
    File,
    /// To the question whether the service is well.
    Health,
    /// A browser asks whether it may.
    Preflight,
    /// Somebody asks for a path's verbs, which are these.
    Options(String),
}

/// Finds where a request goes. Errors: 404, or 405 with `Allow`.
pub fn find(head: &Head) -> Result<Destination, Error> {
    let method = head.method.as_str();
    if method == "OPTIONS" && head.special.is_some() {
        return Ok(Destination::Preflight);
    }
    let file = FILES.contains(&head.path.as_str()) || head.path.starts_with("/assets/");
    if file || head.path == HEALTH {
        return match method {
            "GET" | "HEAD" => Ok(if file { Destination::File } else { Destination::Health }),
            _ => options_or_refusal(method, ["GET"].into_iter()),
        };
    }
    let (route, id, body_limit, verbs) = TABLE
        .iter()
        .find_map(|(route, limit, verbs)| matches(route, &head.path).map(|id| (*route, id, *limit, verbs)))
        .ok_or_else(path_unknown)?;
    let wanted = if method == "HEAD" { "GET" } else { method };
    match verbs.iter().find(|(verb, ..)| *verb == wanted) {
        Some(&(_, scope, handler)) => {
            Ok(Destination::Endpoint(Endpoint { route, id: id.to_owned(), scope, body_limit, handler }))
        }
        None => options_or_refusal(method, verbs.iter().map(|(verb, ..)| *verb)),
    }
}

/// The answer to a path at which there is nothing.
pub fn path_unknown() -> Error {
    Error::new(
        Code::PathUnknown,
        "There is nothing at this path. The API lives under /v1/conversations, /v1/messages and /v1/tokens, without a trailing slash.",
    )
}

/// The path's `:id`, or the empty string where the pattern has none; None when the path is another one.
fn matches<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    match pattern.split_once(":id") {
        None => (path == pattern).then_some(""),
        Some((before, after)) => {
            path.strip_prefix(before)?.strip_suffix(after).filter(|id| !id.is_empty() && !id.contains('/'))
        }
    }
}

fn options_or_refusal<'a>(method: &str, verbs: impl Iterator<Item = &'a str>) -> Result<Destination, Error> {
    let allow = verbs
        .flat_map(|verb| if verb == "GET" { vec!["GET", "HEAD"] } else { vec![verb] })
        .chain(["OPTIONS"])
        .collect::<Vec<_>>()
        .join(", ");
    if method == "OPTIONS" {
        return Ok(Destination::Options(allow));
    }
    Err(Error::new(Code::MethodNotAllowed, format!("This path has no such method. It takes: {allow}."))
        .with_header("allow", allow))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(method: &str, path: &str) -> Result<Destination, Error> {
        find(&Head { method: method.to_owned(), path: path.to_owned(), ..Head::default() })
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
    fn a_known_path_with_another_verb_is_405() {
        for method in ["DELETE", "PROPFIND", "get", "", "TRACE"] {
            assert_eq!(code(method, "/v1/conversations"), Some(Code::MethodNotAllowed), "{method}");
        }
        assert_eq!(code("POST", "/v1/conversations/abc"), Some(Code::MethodNotAllowed));
        assert_eq!(code("POST", "/"), Some(Code::MethodNotAllowed));
    }

    #[test]
    fn options_lists_the_verbs() {
        let allow = |path| match to("OPTIONS", path) {
            Ok(Destination::Options(allow)) => allow,
            other => panic!("{other:?}"),
        };
        assert_eq!(allow("/v1/conversations"), "GET, HEAD, POST, OPTIONS");
        assert_eq!(allow("/v1/conversations/abc"), "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    }
}
