//! Rate limits: what is counted, and what a caller learns who exceeds one. The platform counts, `wrangler.toml` sets
//! the limits.
//!
//! An isolate remembers which account a token belongs to, and which networks are over their limit. It may forget, and
//! it ends at any time, so only limits depend on it.

use crate::{
    http::error::{Code, Error},
    recent::Recent,
    shard::AccountKey,
};

/// What requests are counted by.
#[derive(Clone, Copy, Debug)]
pub enum By {
    /// One account: all its requests, with whichever of its tokens.
    Account,
    /// One address: its requests without a valid token.
    Address,
}

/// How many requests one account or one address may make.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// So many requests,
    pub limit: u32,
    /// in so many seconds.
    pub period: u32,
}

/// 429 (RFC 6585, section 4), with headers as in the IETF's RateLimit draft. A network is blocked to the end of the
/// period, which begins now unless it is blocked already.
pub fn exceeded(by: By, Limit { limit, period }: Limit, key: &str, now: u64) -> Error {
    let (name, what, seconds) = match by {
        By::Account => ("account", "requests of this account", period.into()),
        By::Address => ("address", "requests without a valid token from this address", block(key, now, period)),
    };
    let message = format!(
        "Too many {what}: the limit is {limit} in {period} seconds. Wait the number of seconds in the Retry-After \
         header."
    );
    Error::new(Code::RateLimited, message)
        .with_header("retry-after", seconds.to_string())
        .with_header("ratelimit-policy", format!(r#""{name}";q={limit};w={period}"#))
}

thread_local! {
    /// The accounts of tokens that were valid, by the token's hash.
    static ACCOUNTS: Recent = const { Recent::new() };
    /// Until when networks are over their limit, in milliseconds.
    static BLOCKED: Recent = const { Recent::new() };
}

/// The account of a token that was valid when this isolate last saw it.
pub fn account_of(token_hash: &str) -> Option<AccountKey> {
    ACCOUNTS.with(|accounts| accounts.get(token_hash)).map(AccountKey::of_bits)
}

/// Remembers what the database said of a token: its account, or that the token is not valid.
pub fn remember(token_hash: &str, account: Option<AccountKey>) {
    ACCOUNTS.with(|accounts| match account {
        Some(account) => accounts.put(token_hash, account.bits()),
        None => accounts.remove(token_hash),
    });
}

/// 429 for one listener more than a token or an account may have (contract, "Events").
pub fn too_many_listeners(of_token: usize, of_account: usize) -> Error {
    let (of_token, of_account) = (of_token.to_string(), of_account.to_string());
    let message = [
        "Too many live requests are open. At most ",
        &of_token,
        " are supported for each token and ",
        &of_account,
        " for each account. Close one, or wait the number of seconds in the Retry-After header.",
    ];
    Error::new(Code::RateLimited, message.concat()).with_header("retry-after", "10")
}

/// For how many more seconds a network is over its limit. None when it is not.
pub fn seconds_blocked(network: &str, now: u64) -> Option<u64> {
    let until = BLOCKED.with(|blocked| blocked.get(network))?;
    until.checked_sub(now).filter(|left| *left > 0).map(|left| left.div_ceil(1000))
}

/// Blocks a network for a period, unless it is blocked already. Returns for how many seconds it is blocked now.
fn block(network: &str, now: u64, period: u32) -> u64 {
    seconds_blocked(network, now).unwrap_or_else(|| {
        let period = u64::from(period);
        BLOCKED.with(|blocked| blocked.put(network, now + 1000 * period));
        period
    })
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
        let limit = Limit { limit: 100, period: 10 };
        let response = exceeded(By::Account, limit, "7", 0).into_response("https://h", "r1");
        assert_eq!(response.status, 429);
        assert_eq!(
            response.headers,
            [("retry-after", "10".into()), ("ratelimit-policy", r#""account";q=100;w=10"#.into())]
        );
    }

    #[test]
    fn a_token_has_an_account_until_it_is_not_valid() {
        let [seven, eight] = ["7", "1.8"].map(AccountKey::parse);
        assert_eq!(account_of("a"), None);
        remember("a", seven);
        remember("b", eight);
        assert_eq!((account_of("a"), account_of("b")), (seven, eight));
        remember("a", None);
        remember("c", None);
        assert_eq!((account_of("a"), account_of("b"), account_of("c")), (None, eight, None));
    }

    #[test]
    fn a_network_is_blocked_to_the_end_of_the_period() {
        assert_eq!(seconds_blocked("n", 0), None);
        assert_eq!(block("n", 0, 60), 60);
        assert_eq!(block("n", 1500, 60), 59, "the period began before");
        for (now, expected) in [(0, Some(60)), (500, Some(60)), (59_999, Some(1)), (60_000, None), (90_000, None)] {
            assert_eq!(seconds_blocked("n", now), expected, "{now}");
        }
        assert_eq!(seconds_blocked("m", 0), None);
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
