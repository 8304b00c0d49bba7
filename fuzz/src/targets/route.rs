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
    let verbs: &[&str] = match path.split('/').collect::<Vec<_>>()[..] {
        ["", ""] => &["GET", "HEAD"],
        ["", "v1", "conversations" | "messages"] => &["GET", "HEAD", "POST"],
        ["", "v1", "conversations" | "messages", id] if !id.is_empty() => &["GET", "HEAD", "PUT", "PATCH", "DELETE"],
        _ => return assert_eq!(find(method, path).map_err(refusal).err(), Some(Code::PathUnknown)),
    };
    let allow = [verbs, &["OPTIONS"]].concat().join(", ");
    match find(method, path) {
        Ok(Destination::Endpoint(endpoint)) => {
            assert!(verbs.contains(&method));
            let id = path.strip_prefix("/v1/").and_then(|path| path.split_once('/')).map_or("", |(_, id)| id);
            assert_eq!(endpoint.id, id);
        }
        Ok(Destination::Documentation) => assert!(path == "/" && verbs.contains(&method)),
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
