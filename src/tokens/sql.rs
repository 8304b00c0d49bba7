//! The SQL of tokens, each statement whole but for the caller ([`as_caller!`]), with the index it rides on.
//! What `?1`, `?2` and the columns of an answer are: `query.rs`. 253402300800 is the end of time: the year 10000.

use crate::{
    auth::{scopes::Scopes, token::TokenHash},
    clock::{moment, new_id},
    http::conditions::Condition,
    id::Id,
    idempotency::{Identity, unless_replayed},
    input::values::{Name, Timestamp},
    paging::Paging,
    query::{Parameter, Statement, answer, as_caller, deleted},
};

/// A page of the account's tokens. With `ending_before` the rows come in reverse. Reads 2 * limit + 3 rows at most.
/// `?3` the rows wanted, `?4` the position.
pub fn list(paging: &Paging) -> Statement {
    let (past, order) = paging.direction();
    let sql = format!(
        answer!(
            "found.id AS position, found.object",
            "LEFT JOIN tokens AS found INDEXED BY tokens_by_account
  ON found.account_id = caller.account_id AND found.id {past} ?4
ORDER BY found.id {order} LIMIT +?3"
        ),
        past = past,
        order = order,
    );
    Statement::new(sql, [paging.limit.and_one_more().into(), paging.position().into()])
}

/// One token, valid or not. `?3` its id.
const RETRIEVE: &str = answer!(
    "found.id AS position, found.tag, found.object",
    "LEFT JOIN tokens AS found INDEXED BY tokens_by_account
  ON found.account_id = caller.account_id AND found.id = +?3"
);

/// The statement of a retrieval.
pub fn retrieve(id: &Id) -> Statement {
    Statement::new(RETRIEVE, [id.as_str().into()])
}

// Creation and rotation: `?3` to `?5` are the request's identity (idempotency.rs). `?6` the new token's hash. The
// secret is added to the object outside the database, so the object comes without its closing brace.

/// Whether the new token is there.
macro_rules! created {
    () => {
        "EXISTS (SELECT 1 FROM tokens AS created WHERE created.hash = +?6)"
    };
}

/// Adds a token that may do nothing the caller may not, and not for longer: without an expiry of its own it ends when
/// the caller does. `?7` its name, `?8` its scopes, `?9` its expiry or null.
const INSERT: &str = as_caller!(concat!(
    moment!("tokens INDEXED BY tokens_by_account" and "''"),
    "
INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at)
SELECT
  ?6,
  ",
    new_id!(),
    ",
  moment.account_id, ?7, ?8, unixepoch(), coalesce(?9, nullif(caller.valid_until, 253402300800))
FROM caller
JOIN moment
WHERE NOT (?8 & ~caller.scopes)
  AND coalesce(?9, 253402300799) > unixepoch()
  AND coalesce(?9, 0) <= caller.valid_until
  AND ",
    unless_replayed!("moment.account_id")
));

/// The token just added, or what it asked too much of, or that it would never have been valid. `?7` its scopes, `?8`
/// its expiry or null, `?9` its salt.
const CREATED: &str = answer!(
    after created!(),
    "CASE
    WHEN found.id IS NOT NULL THEN ?9
    WHEN ?7 & ~caller.scopes THEN 'scopes'
    WHEN ?8 > caller.valid_until THEN 'expires_at'
    ELSE 'expired'
  END AS outcome,
  found.id AS position, found.tag, substr(found.object, 1, length(found.object) - 1) AS object",
    "LEFT JOIN tokens AS found -- PRIMARY KEY (hash)
  ON found.hash = +?6"
);

/// The statements of a creation. The outcome is the salt, or what was refused: `scopes`, `expires_at` that is too late,
/// or `expired`.
pub fn create(
    identity: &Identity,
    hash: &TokenHash,
    name: Name,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
    salt: String,
) -> (Statement, Statement) {
    let hash: Parameter = hash.as_str().into();
    let scopes: Parameter = scopes.bits().into();
    let expires_at: Parameter = expires_at.map(Timestamp::seconds).into();
    let insert = [hash.clone(), name.to_string().into(), scopes.clone(), expires_at.clone()];
    (identity.statement(INSERT, insert), identity.statement(CREATED, [hash, scopes, expires_at, salt.into()]))
}

/// Adds a token that may do what another of the account may, and for as long, unless that is more than the caller may.
/// `?7` the other's id.
const INSERT_LIKE: &str = as_caller!(concat!(
    moment!("tokens INDEXED BY tokens_by_account" and "''"),
    "
INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at)
SELECT
  ?6,
  ",
    new_id!(),
    ",
  rotated.account_id, rotated.name, rotated.scopes, unixepoch(), rotated.expires_at
FROM caller
JOIN moment
JOIN tokens AS rotated INDEXED BY tokens_by_account
  ON rotated.account_id = moment.account_id AND rotated.id = +?7
WHERE rotated.valid_until > unixepoch()
  AND NOT (rotated.scopes & ~caller.scopes)
  AND coalesce(rotated.expires_at, 253402300800) <= caller.valid_until
  AND ",
    unless_replayed!("moment.account_id")
));

/// The token that takes the other's place, or why none does. `?7` the other's id, `?8` the new one's salt.
const ROTATED: &str = answer!(
    after created!(),
    "CASE
    WHEN found.id IS NOT NULL THEN ?8
    WHEN EXISTS (
      SELECT 1 FROM tokens AS rotated INDEXED BY tokens_by_account
      WHERE rotated.account_id = caller.account_id AND rotated.id = +?7 AND rotated.valid_until > unixepoch()
    ) THEN 'stronger'
  END AS outcome,
  found.id AS position, found.tag, substr(found.object, 1, length(found.object) - 1) AS object",
    "LEFT JOIN tokens AS found -- PRIMARY KEY (hash)
  ON found.hash = +?6"
);

/// Ends the rotated token after its grace, if another took its place. It runs last: the caller may be ending itself.
/// `?7` the rotated token's id, `?8` the grace in seconds.
const REVOKE_ROTATED: &str = as_caller!(
    after created!(),
    "
UPDATE tokens INDEXED BY tokens_by_account
SET revoked_at = min(coalesce(revoked_at, 253402300799), unixepoch() + ?8)
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?7
  AND EXISTS (SELECT 1 FROM tokens AS created WHERE created.hash = ?6)"
);

/// The statements of a rotation, the last of which runs after the answer. The outcome is the salt, or `stronger`, or
/// null where there is no such token or it is no longer valid.
pub fn rotate(
    identity: &Identity,
    id: &Id,
    hash: &TokenHash,
    grace: i64,
    salt: String,
) -> (Statement, Statement, Statement) {
    let (hash, id): (Parameter, Parameter) = (hash.as_str().into(), id.as_str().into());
    (
        identity.statement(INSERT_LIKE, [hash.clone(), id.clone()]),
        identity.statement(ROTATED, [hash.clone(), id.clone(), salt.into()]),
        identity.statement(REVOKE_ROTATED, [hash, id, grace.into()]),
    )
}

/// Ends a token now, if it is still valid. `?3` its id, `?4` the tags of `If-Match` or null.
const REVOKE: &str = as_caller!(concat!(
    "
UPDATE tokens INDEXED BY tokens_by_account
SET revoked_at = unixepoch()
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?3
  AND valid_until > unixepoch()
  AND (?4 IS NULL OR instr(?4, '\"' || tag || '\"'))",
    deleted!()
));

/// The token, if it was not revoked and is still valid. `?3` its id.
const KEPT: &str = answer!(
    "found.tag",
    "LEFT JOIN tokens AS found INDEXED BY tokens_by_account
  ON found.account_id = caller.account_id AND found.id = +?3 AND found.valid_until > unixepoch()"
);

/// The statements of a revocation. The outcome is `deleted`, or null.
pub fn revoke(id: &Id, if_match: &Condition) -> [Statement; 2] {
    let id: Parameter = id.as_str().into();
    [Statement::new(REVOKE, [id.clone(), if_match.tags().into()]), Statement::new(KEPT, [id])]
}
