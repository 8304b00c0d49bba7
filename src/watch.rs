//! The mark that says whether an account's changes are watched live. It stands in the rows of the account's tokens, so
//! a write knows it from the row that it reads anyway, and rings the account's bell (`platform/bell.rs`) only then.

use crate::query::{Statement, as_caller};

/// Marks the caller's account as watched. Reads two rows at most for each valid token, of which the quota allows a
/// hundred, and writes only those that are not marked.
const MARK: &str = as_caller!(
    "
UPDATE tokens INDEXED BY tokens_by_end
SET is_watched = 1
WHERE account_id = (SELECT account_id FROM caller) AND valid_until > unixepoch() AND NOT is_watched"
);

/// The statement of a listener: it comes before each reading of the log. So what is written after the reading rings.
pub fn mark() -> Statement {
    Statement::new(MARK, [])
}

/// Removes the mark of the account `?1`, unless it has endpoints of webhooks: these set it
/// (migrations/0008_webhooks.sql).
const UNMARK: &str = "\
UPDATE tokens INDEXED BY tokens_by_account
SET is_watched = 0
WHERE account_id = ?1 AND is_watched
  AND NOT EXISTS (SELECT 1 FROM webhooks INDEXED BY webhooks_enabled WHERE account_id = ?1 AND is_enabled)";

/// The statement of a bell without listeners.
pub fn unmark(account: i64) -> Statement {
    Statement::new(UNMARK, [account.into()])
}
