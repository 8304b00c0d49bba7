//! Cross-origin requests (Fetch standard, CORS protocol): any origin may call, with a token that its page holds. There
//! are no cookies, so there are no credentials to allow.

use crate::http::response::Response;

/// Every response has these headers.
pub const HEADERS: [(&str, &str); 2] = [
    ("access-control-allow-origin", "*"),
    (
        "access-control-expose-headers",
        "Allow, ETag, Idempotent-Replayed, Link, Location, RateLimit-Policy, Retry-After, Server-Timing, \
         WWW-Authenticate, X-D1-Bookmark, X-Request-Id",
    ),
];

/// The response to a preflight: 204. Paths that don't exist get it too, otherwise a page could not read their 404.
pub fn preflight() -> Response {
    Response::no_content()
        .with("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
        .with(
            "access-control-allow-headers",
            "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-D1-Bookmark",
        )
        .with("access-control-max-age", "86400")
}
