//! Accounts that are not, or not now, in the database that a token leads to (contract, "Many databases"). When an
//! account has moved, the rows of its tokens stay, but for their scopes: they have a single one that no endpoint asks
//! for. So every statement with such a token does nothing, and says so. Only then [`forward`] asks where the account
//! is. What moves an account: `scripts/move.ts`.

use crate::{
    http::error::{Code, Error},
    query::{Query, Rows, Statement},
    shard::Shard,
};

/// The bits of `tokens.scopes` where the account is held or has moved.
macro_rules! moved {
    () => {
        "128"
    };
}
pub(crate) use moved;

/// Where the account of a token is. The outcome is the number of the database that the account has moved to, or null
/// while it waits for the last step of its move. Reads two rows.
const FORWARD: &str = "\
SELECT -tokens.account_id AS account, tokens.id AS token, accounts.moved_to || '' AS outcome
FROM tokens -- PRIMARY KEY (hash)
JOIN accounts -- PRIMARY KEY (id)
  ON accounts.id = tokens.account_id
WHERE tokens.hash = +?1 AND ?2 IS NOT NULL";

/// The query that asks where an account has moved.
pub fn forward() -> Query {
    Query::read(Statement::new(FORWARD, []), |_| Err(held()))
}

/// What its rows say. Errors: 503 while the account is held.
pub fn destination(rows: &Rows) -> Result<Shard, Error> {
    rows.outcome.as_deref().and_then(Shard::parse).ok_or_else(held)
}

/// 503 for a request that came in the last step of a move.
pub fn held() -> Error {
    const MESSAGE: &str = "This account is being moved to another database. No change was made. Wait the number of \
                           seconds in the Retry-After header, then retry. Any request can be retried safely.";
    Error::new(Code::DatabaseUnavailable, MESSAGE).with_header("retry-after", "1").with_cause("the account moves")
}
