//! Ids, and the base62 they are written in. A request's own id is made here. An object's id is made in SQL, in the
//! transaction that creates the object (`clock.rs`).

use std::{cell::RefCell, fmt};

use crate::clock::digits;

const DIGITS: &[u8] = digits!().as_bytes();

/// 62^7: seven digits hold milliseconds until the year 2081.
pub const TIME_DIGITS: usize = 7;
const RANDOM_DIGITS: usize = 9;

/// A well-formed id: 16 base62 characters, no matter whether it names an object. Contract, "Representation".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id(String);

impl Id {
    /// A new id: the milliseconds since the Unix epoch in the leading seven characters, 53 random bits in the rest.
    /// Errors when the platform has no randomness to give.
    pub fn new(milliseconds: u64) -> Result<Self, getrandom::Error> {
        let mut text = base62(milliseconds, TIME_DIGITS);
        // 62^9 divides 2^64 into 1362 equal parts and a remainder of 0.05 %: the bias is far below what ids need.
        text.push_str(&base62(random()?, RANDOM_DIGITS));
        Ok(Self(text))
    }

    /// None when the text is not 16 base62 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed =
            text.len() == TIME_DIGITS + RANDOM_DIGITS && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The 16 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many random numbers are asked of the platform at once: one costs as much as many.
const AT_ONCE: usize = 128;

thread_local! {
    /// Random numbers that no id has used yet.
    static RANDOM: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// A random number from the platform. Errors when it has none to give.
fn random() -> Result<u64, getrandom::Error> {
    RANDOM.with_borrow_mut(|unused| {
        if unused.is_empty() {
            let mut bytes = [0; 8 * AT_ONCE];
            getrandom::fill(&mut bytes)?;
            unused.extend(bytes.as_chunks().0.iter().map(|chunk| u64::from_le_bytes(*chunk)));
        }
        Ok(unused.pop().unwrap_or_default())
    })
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The last `width` base62 digits of a number, most significant first, padded with `0`.
pub fn base62(mut number: u64, width: usize) -> String {
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        *digit = usize::try_from(number % 62).ok().and_then(|at| DIGITS.get(at)).copied().unwrap_or(b'0');
        number /= 62;
    }
    // Digits are ASCII.
    String::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_looks_like_the_references_own() {
        let id = Id::new(1_790_000_000_000).map(|id| id.to_string()).unwrap_or_default();
        assert_eq!(id.len(), 16);
        assert!(Id::parse(&id).is_some());
        assert!(Id::parse("xgQQXg3hrtjh7AvZ").is_some());
    }

    #[test]
    fn ids_sort_by_time_of_creation() {
        let at = |milliseconds| Id::new(milliseconds).map(|id| id.to_string()).unwrap_or_default();
        for pair in [0, 61, 62, 1_790_000_000_000, 1_790_000_000_001, 3_521_614_606_207].windows(2) {
            if let [earlier, later] = pair {
                assert!(at(*earlier) < at(*later));
            }
        }
    }

    #[test]
    fn ids_of_one_millisecond_differ() {
        let ids: std::collections::HashSet<_> = (0..10_000).flat_map(|_| Id::new(1)).map(|id| id.to_string()).collect();
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn anything_else_is_malformed() {
        for bad in ["", "short", "xgQQXg3hrtjh7AvZ0", "xgQQXg3hrtjh7Av-", "xgQQXg3hrtjh7Avé", "xgQQXg3hrtjh7A\0Z"] {
            assert_eq!(Id::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn base62_counts_like_any_other_base() {
        assert_eq!(base62(0, 3), "000");
        assert_eq!(base62(61, 3), "00z");
        assert_eq!(base62(62, 3), "010");
        assert_eq!(base62(u64::from(u32::MAX), 6), "4gfFC3");
    }
}
