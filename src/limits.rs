//! Rate limits: what is counted, and what a caller learns who exceeds one. The platform counts, `wrangler.toml` sets
//! the limits.
//!
//! An isolate remembers which account a token belongs to, and which networks are over their limit. It may forget, and
//! it ends at any time, so only limits depend on it.

use std::{cell::Cell, thread::LocalKey};

use crate::http::error::{Code, Error};

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
    static ACCOUNTS: Cell<Recent> = const { Cell::new(Recent::new()) };
    /// Until when networks are over their limit, in milliseconds.
    static BLOCKED: Cell<Recent> = const { Cell::new(Recent::new()) };
}

/// The account of a token that was valid when this isolate last saw it.
pub fn account_of(token_hash: &str) -> Option<u64> {
    with(&ACCOUNTS, |accounts| accounts.get(token_hash))
}

/// Remembers what the database said of a token: its account, or that the token is not valid.
pub fn remember(token_hash: &str, account: Option<u64>) {
    with(&ACCOUNTS, |accounts| accounts.set(token_hash, account));
}

/// For how many more seconds a network is over its limit. None when it is not.
pub fn seconds_blocked(network: &str, now: u64) -> Option<u64> {
    let until = with(&BLOCKED, |blocked| blocked.get(network))?;
    until.checked_sub(now).filter(|left| *left > 0).map(|left| left.div_ceil(1000))
}

/// Blocks a network for a period, unless it is blocked already. Returns for how many seconds it is blocked now.
fn block(network: &str, now: u64, period: u32) -> u64 {
    seconds_blocked(network, now).unwrap_or_else(|| {
        let period = u64::from(period);
        with(&BLOCKED, |blocked| blocked.set(network, Some(now + 1000 * period)));
        period
    })
}

fn with<T>(memory: &'static LocalKey<Cell<Recent>>, work: impl FnOnce(&mut Recent) -> T) -> T {
    let mut recent = memory.take();
    let result = work(&mut recent);
    memory.set(recent);
    result
}

/// Numbers by key: [`SETS`] times [`WAYS`] at most, so that no caller can fill the isolate's memory. A key's hash chooses
/// its set, in which a new key takes the place of another one.
#[derive(Default)]
struct Recent {
    entries: Vec<(String, Option<u64>)>,
    /// How many keys were new, which chooses the place that the next one takes.
    new: usize,
}

const SETS: usize = 256;
const WAYS: usize = 4;

impl Recent {
    const fn new() -> Self {
        Self { entries: Vec::new(), new: 0 }
    }

    /// The key's entry, or the one whose place it would take.
    fn entry(&mut self, key: &str) -> Option<&mut (String, Option<u64>)> {
        self.entries.resize(SETS * WAYS, (String::new(), None));
        // FNV-1a. Who makes keys of one set makes this memory forget, and nothing worse.
        let hash = key.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let set = self.entries.chunks_mut(WAYS).nth(hash as usize % SETS)?;
        let way = set.iter().position(|(known, _)| known == key).unwrap_or(self.new % WAYS);
        set.get_mut(way)
    }

    fn get(&mut self, key: &str) -> Option<u64> {
        self.entry(key).filter(|(known, _)| known == key)?.1
    }

    /// None forgets the key.
    fn set(&mut self, key: &str, value: Option<u64>) {
        let Some(entry) = self.entry(key) else { return };
        if entry.0 == key {
            entry.1 = value;
        } else if value.is_some() {
            *entry = (key.to_owned(), value);
            self.new += 1;
        }
    }
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
        assert_eq!(account_of("a"), None);
        remember("a", Some(7));
        remember("b", Some(8));
        assert_eq!((account_of("a"), account_of("b")), (Some(7), Some(8)));
        remember("a", None);
        remember("c", None);
        assert_eq!((account_of("a"), account_of("b"), account_of("c")), (None, Some(8), None));
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
    fn an_isolate_remembers_a_bounded_number_and_the_newest() {
        let mut recent = Recent::default();
        for number in 0..100_000 {
            recent.set(&number.to_string(), Some(number));
            assert_eq!(recent.get(&number.to_string()), Some(number));
        }
        assert_eq!(recent.entries.len(), SETS * WAYS);
        assert_eq!(recent.get("0"), None);
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
