//! Accounts that are not, or not now, in the database that a token leads to (contract, "Many databases"). When an account
//! has moved, the rows of its tokens stay, with the scope [`MOVED`] alone. No endpoint asks for that one, so every
//! statement with such a token does nothing. Only then [`forward`] asks where the account is. What moves an account:
//! `scripts/move.ts`.

use crate::{
    auth::token::TokenHash,
    http::error::{Code, Error},
    query::Statement,
};

/// The bit of `tokens.scopes` where the account is held or has moved.
pub const MOVED: i64 = 128;

/// Where the account of a token is, that had no scope for what it asked: `account` is the number of the database that
/// it has moved to, or -1 while it is held; no row if the token just lacks the scope. `?1` the token's hash, `?2`
/// [`MOVED`]. Reads two rows.
const FORWARD: &str = "\
SELECT coalesce(accounts.moved_to, -1) AS account
FROM tokens -- PRIMARY KEY (hash)
JOIN accounts -- PRIMARY KEY (id)
  ON accounts.id = tokens.account_id
WHERE tokens.hash = +?1 AND tokens.scopes = +?2";

/// The statement that asks where an account has moved.
pub fn forward(token: &TokenHash) -> Statement {
    Statement::new(FORWARD, [token.as_str().into(), MOVED.into()])
}

/// 503 for a request that came in the last step of a move.
pub fn held() -> Error {
    const MESSAGE: &str = "This account is being moved to another database. No change was made. Wait the number of \
                           seconds in the Retry-After header, then retry. Any request can be retried safely.";
    Error::new(Code::DatabaseUnavailable, MESSAGE).with_header("retry-after", "1")
}
