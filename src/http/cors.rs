//! Cross-origin requests (Fetch standard, CORS protocol): any origin may call, with a token that its page holds. There
//! are no cookies, so there are no credentials to allow.

use crate::http::{SPACE, response::Response};

/// Every response has these headers.
pub const HEADERS: [(&str, &str); 2] = [
    ("access-control-allow-origin", "*"),
    (
        "access-control-expose-headers",
        "Allow, ETag, Idempotent-Replayed, Link, Location, RateLimit-Policy, Retry-After, Server-Timing, \
         WWW-Authenticate, X-D1-Bookmark, X-Request-Id",
    ),
];

/// The headers that this API reads.
const READ: &str =
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-D1-Bookmark";

/// How many headers of a preflight are looked at, and how long a name may be.
const MAX: usize = 64;

/// The response to a preflight: 204. Paths that don't exist get it too, otherwise a page could not read their 404.
/// Tools add headers to the requests of a page (`traceparent`, `baggage`, `sentry-trace`). They change nothing here, so
/// those that are asked for are allowed.
pub fn preflight(asked: Option<&str>) -> Response {
    let mut allowed = READ.to_owned();
    for name in asked.unwrap_or_default().split(',').take(MAX).map(|name| name.trim_matches(SPACE)) {
        let is_allowed = allowed.split(", ").any(|known| known.eq_ignore_ascii_case(name));
        if !is_allowed && is_harmless(name) {
            allowed.push_str(", ");
            allowed.push_str(name);
        }
    }
    Response::no_content()
        .with("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
        .with("access-control-allow-headers", allowed)
        .with("access-control-max-age", "86400")
        .with("vary", "Access-Control-Request-Headers")
}

/// Whether a name has the form of a header's, without `*`, which would allow all, and is none that the browser or the
/// network alone sets (Fetch standard, forbidden request-header).
fn is_harmless(name: &str) -> bool {
    const RESERVED: [&str; 6] = ["cookie", "host", "origin", "referer", "x-real-ip", "forwarded"];
    const RESERVED_STARTS: [&str; 5] = ["sec-", "proxy-", "cf-", "x-forwarded-", "access-control-"];
    let name = name.to_ascii_lowercase();
    (1..=MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && !RESERVED.contains(&name.as_str())
        && !RESERVED_STARTS.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is allowed beside the headers that the API reads.
    fn allowed(asked: &str) -> String {
        let response = preflight(Some(asked));
        let header = response.headers.iter().find(|(name, _)| *name == "access-control-allow-headers").unwrap();
        header.1.strip_prefix(READ).unwrap().trim_start_matches(", ").to_owned()
    }

    #[test]
    fn what_is_asked_for_is_allowed_once() {
        assert_eq!(allowed("authorization,baggage,sentry-trace,traceparent"), "baggage, sentry-trace, traceparent");
        assert_eq!(allowed(" X-A ,\tx-a, x_b.c ,,"), "X-A, x_b.c");
        assert_eq!(preflight(None).headers, preflight(Some("")).headers);
    }

    #[test]
    fn what_is_no_name_or_reserved_is_not_allowed() {
        for bad in ["*", "a b", "a:b", "é", "a\"b", "Cookie", "Host", "Sec-Fetch-Mode", "CF-Connecting-IP", "a;b"] {
            assert_eq!(allowed(bad), "", "{bad}");
            assert_eq!(allowed(&["a,", bad, ",b"].concat()), "a, b", "{bad}");
        }
    }

    #[test]
    fn what_is_allowed_has_a_bound() {
        assert_eq!(allowed(&"a".repeat(64)).len(), 64);
        assert_eq!(allowed(&"a".repeat(65)), "");
        let names: Vec<_> = (0..10_000).map(|number| format!("x-{number}")).collect();
        assert_eq!(allowed(&names.join(",")), names[..64].join(", "));
    }
}
