//! Where a request goes, by its method and path: every path is found or not, and a 405 lists exactly what is found.

use super::refusal;
use crate::{
    error::{Code, Error},
    request::Head,
    routes::{self, Destination},
};

/// A method, a space, a path.
pub fn route(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (method, path) = text.split_once(' ').unwrap_or(("GET", text));
    let segments: Vec<_> = path.split('/').collect();
    let verbs: &[&str] = match segments[..] {
        ["", "" | "inbox" | "openapi.json" | "health"] | ["", "assets", ..] => &["GET", "HEAD"],
        ["", "v1", "conversations" | "messages" | "tokens"] => &["GET", "HEAD", "POST"],
        ["", "v1", _, ""] | ["", "v1", _, "", _] => &[],
        ["", "v1", "conversations" | "messages", _] => &["GET", "HEAD", "PUT", "PATCH", "DELETE"],
        ["", "v1", "tokens", _] => &["GET", "HEAD", "DELETE"],
        ["", "v1", "tokens", _, "rotate"] => &["POST"],
        _ => &[],
    };
    if verbs.is_empty() {
        return assert_eq!(find(method, path).map_err(refusal).err(), Some(Code::PathUnknown));
    }
    let allow = [verbs, &["OPTIONS"]].concat().join(", ");
    match find(method, path) {
        Ok(Destination::Endpoint(endpoint)) => {
            assert!(verbs.contains(&method));
            assert_eq!(endpoint.id, segments.get(3).copied().unwrap_or_default());
        }
        Ok(Destination::File) => assert!(path != "/health" && verbs.contains(&method)),
        Ok(Destination::Health) => assert!(path == "/health" && verbs.contains(&method)),
        Ok(Destination::Options(listed)) => assert!(method == "OPTIONS" && listed == allow),
        Ok(Destination::Preflight) => panic!("nobody asked"),
        Err(error) => {
            assert!(!verbs.contains(&method) && method != "OPTIONS" && error.code == Code::MethodNotAllowed);
            assert_eq!(error.response("", "").headers, [("allow", allow)]);
        }
    }
}

fn find(method: &str, path: &str) -> Result<Destination, Error> {
    routes::find(&Head { method: method.to_owned(), path: path.to_owned(), ..Head::default() })
}
