//! Rate limits: what a caller is told who exceeds one. Pure. The counting is the platform's, the limits are
//! `wrangler.toml`'s, and `entry.js` asks.

use crate::error::{Code, Error};

/// 429: there were more than `limit` requests in `period` seconds, `by` one `token`, or more failures to authenticate
/// from one `address`. RFC 6585, section 4; the headers as in the IETF's RateLimit draft.
pub fn exceeded(by: &str, limit: u32, period: u32) -> Error {
    let what = match by {
        "token" => "requests with this token",
        _ => "requests without a good token from this address",
    };
    let message = format!(
        "Too many {what}: {limit} in {period} seconds are the most. Wait for the seconds that Retry-After says."
    );
    Error::new(Code::RateLimited, message)
        .with_header("retry-after", period.to_string())
        .with_header("ratelimit-policy", format!(r#""{by}";q={limit};w={period}"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_limited_is_told_the_limit_and_when_to_come_back() {
        let response = exceeded("token", 100, 10).response("https://h", "r1");
        assert_eq!(response.status, 429);
        assert_eq!(
            response.headers,
            [("retry-after", "10".to_owned()), ("ratelimit-policy", r#""token";q=100;w=10"#.to_owned())]
        );
    }
}
