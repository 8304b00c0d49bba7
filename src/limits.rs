//! Rate limits: what is counted, and what a caller learns who exceeds one. The platform counts, `wrangler.toml` sets
//! the limits.

use crate::http::error::{Code, Error};

/// What requests are counted by.
#[derive(Clone, Copy, Debug)]
pub enum By {
    /// One token: all its requests.
    Token,
    /// One address: its requests without a valid token.
    Address,
}

/// How many requests one token or one address may make.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// So many requests,
    pub limit: u32,
    /// in so many seconds.
    pub period: u32,
}

/// 429 (RFC 6585, section 4), with headers as in the IETF's RateLimit draft.
pub fn exceeded(by: By, Limit { limit, period }: Limit) -> Error {
    let (name, what) = match by {
        By::Token => ("token", "requests with this token"),
        By::Address => ("address", "requests without a valid token from this address"),
    };
    let message = format!(
        "Too many {what}: the limit is {limit} in {period} seconds. Wait the number of seconds in the Retry-After \
         header."
    );
    Error::new(Code::RateLimited, message)
        .with_header("retry-after", period.to_string())
        .with_header("ratelimit-policy", format!(r#""{name}";q={limit};w={period}"#))
}

/// The network that an address is counted by: the address itself, of IPv6 the /64 that one subscriber has.
pub fn network(address: &str) -> String {
    let Ok(address) = address.parse::<std::net::Ipv6Addr>() else {
        return address.to_owned();
    };
    let [a, b, c, d, ..] = address.segments();
    format!("{a:x}:{b:x}:{c:x}:{d:x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_caller_learns_the_limit_and_when_to_come_back() {
        let response = exceeded(By::Token, Limit { limit: 100, period: 10 }).into_response("https://h", "r1");
        assert_eq!(response.status, 429);
        assert_eq!(
            response.headers,
            [("retry-after", "10".into()), ("ratelimit-policy", r#""token";q=100;w=10"#.into())]
        );
    }

    #[test]
    fn an_ipv6_address_is_counted_by_its_64_bit_network() {
        for (address, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("", ""),
            ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1"),
            ("2001:0db8::1", "2001:db8:0:0"),
            ("2001:db8::", "2001:db8:0:0"),
            ("::1", "0:0:0:0"),
        ] {
            assert_eq!(network(address), expected, "{address}");
        }
    }
}
