//! Routes: each path is found or not, a 405 lists exactly the methods that are found, and each endpoint needs the scope
//! of its resource.

use conversations::{
    auth::scopes::Scope,
    http::{
        error::{Code, Error},
        head::{Head, Url},
        log::Record,
    },
    routes::{self, Destination},
};
use serde_json::Value as Json;

use super::refusal;

/// A method, a space, a path.
pub fn route(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (method, path) = text.split_once(' ').unwrap_or(("GET", text));
    log_line_is_one_object(method);

    let preflight = find(method, path, Some("GET"));
    if method == "OPTIONS" {
        assert!(matches!(preflight, Ok(Destination::Preflight)));
    } else {
        assert_eq!(shown(preflight), shown(find(method, path, None)), "the header matters to OPTIONS alone");
    }

    let segments: Vec<_> = path.split('/').collect();
    let methods: &[&str] = match segments[..] {
        ["", "" | "inbox" | "webhooks" | "openapi.json" | "openapi.yaml" | "llms.txt" | "favicon.ico" | "health"]
        | ["", ".well-known", "security.txt"]
        | ["", "assets", _, ..] => &["GET", "HEAD"],
        ["", "v1", "conversations"] => &["GET", "HEAD", "POST", "PATCH"],
        ["", "v1", "messages" | "tokens" | "webhooks"] => &["GET", "HEAD", "POST"],
        ["", "v1", "events" | "token"] => &["GET", "HEAD"],
        ["", "v1", _, ""] | ["", "v1", _, "", _] => &[],
        ["", "v1", "conversations" | "messages" | "webhooks", _] => &["GET", "HEAD", "PUT", "PATCH", "DELETE"],
        ["", "v1", "tokens", _] => &["GET", "HEAD", "DELETE"],
        ["", "v1", "tokens" | "webhooks", _, "rotate"] | ["", "v1", "webhooks", _, "ping"] => &["POST"],
        ["", "v1", "webhooks", _, "attempts"] => &["GET", "HEAD"],
        _ => &[],
    };
    if methods.is_empty() {
        return assert_eq!(find(method, path, None).map_err(refusal).err(), Some(Code::PathUnknown));
    }
    let allow = [methods, &["OPTIONS"]].concat().join(", ");
    match find(method, path, None) {
        Ok(Destination::Endpoint(endpoint)) => {
            assert!(methods.contains(&method));
            let id = segments.get(3).copied().unwrap_or_default();
            assert_eq!((endpoint.id.as_str(), endpoint.route.replace(":id", id).as_str()), (id, path));
            let verb = if ["GET", "HEAD"].contains(&method) { "read" } else { "write" };
            let scope = match segments.get(2).copied() {
                None => None,
                // Any scope will do, so it has no name.
                Some("token") => Some(String::new()),
                Some(resource @ ("tokens" | "webhooks")) => Some([resource, ":write"].concat()),
                Some(resource) => Some([resource, ":", verb].concat()),
            };
            assert_eq!(endpoint.scope.map(Scope::name), scope.as_deref());
        }
        Ok(Destination::File) => assert!(segments[1] != "v1" && path != "/health" && methods.contains(&method)),
        Ok(Destination::Options(listed)) => assert!(method == "OPTIONS" && listed == allow),
        Ok(Destination::Preflight) => panic!("a preflight without its header"),
        Err(error) => {
            assert!(!methods.contains(&method) && method != "OPTIONS" && error.code == Code::MethodNotAllowed);
            assert_eq!(error.into_response("", "").headers, [("allow", allow.into())]);
        }
    }
}

fn find(method: &str, path: &str, access_control_request_method: Option<&str>) -> Result<Destination, Error> {
    routes::find(&Head {
        method: method.to_owned(),
        url: Url { path: path.to_owned(), ..Url::default() },
        access_control_request_method: access_control_request_method.map(str::to_owned),
        ..Head::default()
    })
}

fn shown(found: Result<Destination, Error>) -> String {
    format!("{found:?}")
}

/// A caller chooses the method. It must not forge a line of the log.
fn log_line_is_one_object(method: &str) {
    let line = Record::default().line("r1", method, 405);
    let object: Json = serde_json::from_str(&line).expect("the line is JSON");
    assert!(!line.contains('\n'), "two lines: {line}");
    assert_eq!(object["method"], method.chars().take(16).collect::<String>());
    assert_eq!((&object["request_id"], &object["status"]), (&Json::from("r1"), &Json::from(405)));
}
