//! The text in which `src/platform/helper.js` passes a request's head to Rust, and the URL in it. The URL is compared
//! with the `url` crate, which splits it as the platform does.

use conversations::http::head::Head;
use url::Url;

type Field = fn(&Head) -> Option<&str>;

/// The headers that pass, whatever the method.
const HEADERS: [(&str, Field); 11] = [
    ("authorization", |head| head.authorization.as_deref()),
    ("content-type", |head| head.content_type.as_deref()),
    ("content-encoding", |head| head.content_encoding.as_deref()),
    ("idempotency-key", |head| head.idempotency_key.as_deref()),
    ("if-match", |head| head.if_match.as_deref()),
    ("if-none-match", |head| head.if_none_match.as_deref()),
    ("accept", |head| head.accept.as_deref()),
    ("last-event-id", |head| head.last_event_id.as_deref()),
    ("access-control-request-method", |head| head.access_control_request_method.as_deref()),
    ("access-control-request-headers", |head| head.access_control_request_headers.as_deref()),
    ("cf-connecting-ip", |head| head.cf_connecting_ip.as_deref()),
];

pub fn head(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let parsed = Head::parse(text);
    // The platform lets no carriage return into a URL or a header.
    if !text.contains('\r') {
        fields_are_what_was_written(text, &parsed);
    }
    url_is_split_as_by_the_url_crate(text);
}

/// The fields are those of the text, and those of the text that JavaScript would write for the same request.
fn fields_are_what_was_written(text: &str, parsed: &Head) {
    let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    let (method, url) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or_default();
    let rest: Vec<_> = lines.map(|line| line.split_once(": ")).collect();
    let has_body = rest.contains(&None);
    let headers = || rest.iter().map_while(|line| *line);
    let value = |name: &str| headers().filter(|(known, _)| *known == name).last().map(|(_, value)| value);

    let mut written = format!("{method} {url}\n");
    for (name, _) in HEADERS {
        if let Some(value) = value(name) {
            written.extend([name, ": ", value, "\n"]);
        }
    }
    if has_body {
        written.push('\n');
    }
    for head in [parsed, &Head::parse(&written)] {
        assert_eq!((head.method.as_str(), head.has_body), (method, has_body));
        for (name, field) in HEADERS {
            assert_eq!(field(head), value(name), "{name}");
        }
        // Nothing of the URL is lost but the `?` of an empty query.
        let before_query = [head.url.origin.as_str(), &head.url.path].concat();
        let whole = [before_query.as_str(), "?", &head.url.query].concat();
        assert!(url == whole || (url == before_query && head.url.query.is_empty()), "{:?}", head.url);
        assert!(head.url.path.is_empty() || head.url.path.starts_with('/'));
        assert!(!before_query.contains('?'));
    }
}

fn url_is_split_as_by_the_url_crate(path: &str) {
    for origin in ["https://example.com", "http://127.0.0.1:8787", "http://[::1]:8787"] {
        let mut expected = Url::parse(&format!("{origin}/{path}")).expect("every path is valid");
        expected.set_fragment(None);
        let url = Head::parse(&format!("GET {expected}\n")).url;
        assert_eq!(url.origin, origin);
        assert_eq!((url.path.as_str(), url.query.as_str()), (expected.path(), expected.query().unwrap_or_default()));
    }
}
