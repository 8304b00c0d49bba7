//! When a token was last used, to the day. The answering statement tells the first request of a day by a comparison, and
//! only then a call of its own writes the day, after the response. So no other request writes a row for it.
//!
//! An isolate remembers what it has written: a burst of requests, and a replica that lags, would cause the same write
//! again. If it forgets, or another isolate writes, the statement changes nothing.

use crate::{auth::token::TokenHash, moved::moved, query::Statement, recent::Recent};

/// The column `token` of an answer: the token's id and, if the token was not used on this day before, a space and the
/// number of the day since 1970.
macro_rules! token {
    () => {
        "iif(unixepoch() - last_used_at < 86400, id, id || ' ' || (unixepoch() / 86400))"
    };
}
pub(crate) use token;

/// The id in the column `token`, and the day that is to be written.
pub fn split(token: &str) -> (&str, Option<u64>) {
    match token.split_once(' ') {
        Some((id, day)) => (id, day.parse().ok()),
        None => (token, None),
    }
}

/// Writes a day, unless that day or a later one is written. A token of an account that is held, or has moved, stays as
/// it is: its row may have been copied already. `?1` the token's hash, `?2` the day. Reads one row, and writes one.
const WRITE: &str = concat!(
    "\
UPDATE tokens -- PRIMARY KEY (hash)
SET last_used_at = 86400 * ?2
WHERE hash = ?1 AND scopes <> ",
    moved!(),
    " AND (last_used_at IS NULL OR last_used_at < 86400 * ?2)"
);

thread_local! {
    /// The days that this isolate has written, by the token's hash.
    static WRITTEN: Recent = const { Recent::new() };
}

/// The statement that writes the day. None if this isolate has written it.
pub fn write(hash: &TokenHash, day: u64) -> Option<Statement> {
    WRITTEN.with(|written| match written.get(hash.as_str()) {
        Some(known) if known >= day => None,
        _ => {
            written.put(hash.as_str(), day);
            Some(Statement::new(WRITE, [hash.as_str().into(), (day as i64).into()]))
        }
    })
}

/// Notes that a write has failed. The next request tries again.
pub fn failed(hash: &TokenHash) {
    WRITTEN.with(|written| written.remove(hash.as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::token::Token, shard::Shard};

    #[test]
    fn a_day_is_written_once_and_again_only_after_a_failure() {
        let hash = Token::random(Shard::FIRST).unwrap().hash();
        for (day, is_written) in [(20_000, true), (20_000, false), (19_999, false), (20_001, true), (20_001, false)] {
            assert_eq!(write(&hash, day).is_some(), is_written, "{day}");
        }
        failed(&hash);
        assert!(write(&hash, 20_001).is_some());
        assert!(write(&Token::random(Shard::FIRST).unwrap().hash(), 20_001).is_some(), "another token");
    }

    #[test]
    fn a_token_has_a_day_only_if_one_is_to_be_written() {
        assert_eq!(split("SIuAFUNKdSYHZF2w"), ("SIuAFUNKdSYHZF2w", None));
        assert_eq!(split("SIuAFUNKdSYHZF2w 20000"), ("SIuAFUNKdSYHZF2w", Some(20_000)));
    }
}
