//! The SQL of tokens, each statement whole but for the caller ([`as_caller!`]), with the index it rides on.
//! What `?1` to `?3` and the columns of an answer are: `query.rs`. 253402300800 is the end of time: the year 10000.

use crate::{
    auth::{scopes::Scopes, token::TokenHash},
    http::conditions::Condition,
    id::Id,
    idempotency::{Identity, unless_replayed},
    input::values::{Name, Timestamp},
    paging::Paging,
    query::{Parameter, Statement, answer, as_caller},
};

/// A page of the account's tokens. With `ending_before` the rows come in reverse. Reads 2 * limit + 3 rows at most.
/// `?4` the rows wanted, `?5` the position.
pub fn list(paging: &Paging) -> Statement {
    let (past, order) = paging.direction();
    let sql = format!(
        answer!(
            "found.id AS position, found.object",
            "LEFT JOIN tokens AS found INDEXED BY tokens_by_account
  ON found.account_id = caller.account_id AND found.id {past} ?5
ORDER BY found.id {order} LIMIT +?4"
        ),
        past = past,
        order = order,
    );
    Statement::new(sql, [paging.limit.and_one_more().into(), paging.position().into()])
}

/// One token, valid or not. `?4` its id.
const RETRIEVE: &str = answer!(
    "found.id AS position, found.tag, found.object",
    "LEFT JOIN tokens AS found INDEXED BY tokens_by_account
  ON found.account_id = caller.account_id AND found.id = +?4"
);

/// The statement of a retrieval.
pub fn retrieve(id: &Id) -> Statement {
    Statement::new(RETRIEVE, [id.as_str().into()])
}

// Creation and rotation: `?4` to `?6` are the request's identity (idempotency.rs), its id the new token's. The secret
// is added to the object outside the database, so the object comes without its closing brace.

/// Adds a token that may do nothing the caller may not, and not for longer: without an expiry of its own it ends when
/// the caller does. `?7` its hash, `?8` its name, `?9` its scopes, `?10` its expiry or null.
const INSERT: &str = as_caller!(concat!(
    "
INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at)
SELECT ?7, ?6, caller.account_id, ?8, ?9, ?2, coalesce(?10, nullif(caller.valid_until, 253402300800))
FROM caller
WHERE caller.account_id > 0
  AND NOT (?9 & ~caller.scopes)
  AND coalesce(?10, 0) <= caller.valid_until
  AND ",
    unless_replayed!("caller.account_id")
));

/// The token just added, or what it asked too much of. `?7` its scopes, `?8` its salt.
const CREATED: &str = answer!(
    "CASE
    WHEN found.id IS NOT NULL THEN ?8
    WHEN ?7 & ~caller.scopes THEN 'scopes'
    ELSE 'expires_at'
  END AS outcome,
  found.id AS position, found.tag, substr(found.object, 1, length(found.object) - 1) AS object",
    "LEFT JOIN tokens AS found INDEXED BY tokens_by_account
  ON found.account_id = caller.account_id AND found.id = +?6"
);

/// The statements of a creation. The outcome is the salt, or `scopes` or `expires_at`: what was refused.
pub fn create(
    identity: &Identity,
    hash: &TokenHash,
    name: Name,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
    salt: String,
) -> (Statement, Statement) {
    let scopes: Parameter = scopes.bits().into();
    let insert =
        [hash.as_str().into(), name.to_string().into(), scopes.clone(), expires_at.map(Timestamp::seconds).into()];
    (identity.statement(INSERT, insert), identity.statement(CREATED, [scopes, salt.into()]))
}

/// Adds a token that may do what another of the account may, and for as long, unless that is more than the caller may.
/// `?7` the new one's hash, `?8` the other's id.
const INSERT_LIKE: &str = as_caller!(concat!(
    "
INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at)
SELECT ?7, ?6, rotated.account_id, rotated.name, rotated.scopes, ?2, rotated.expires_at
FROM caller
JOIN tokens AS rotated INDEXED BY tokens_by_account
  ON rotated.account_id = caller.account_id AND rotated.id = +?8
WHERE rotated.valid_until > ?2
  AND NOT (rotated.scopes & ~caller.scopes)
  AND coalesce(rotated.expires_at, 253402300800) <= caller.valid_until
  AND ",
    unless_replayed!("caller.account_id")
));

/// The token that takes the other's place, or why none does. `?7` the other's id, `?8` the new one's salt.
const ROTATED: &str = answer!(
    "CASE
    WHEN found.id IS NOT NULL THEN ?8
    WHEN EXISTS (
      SELECT 1 FROM tokens AS rotated INDEXED BY tokens_by_account
      WHERE rotated.account_id = caller.account_id AND rotated.id = +?7 AND rotated.valid_until > ?2
    ) THEN 'stronger'
  END AS outcome,
  found.id AS position, found.tag, substr(found.object, 1, length(found.object) - 1) AS object",
    "LEFT JOIN tokens AS found INDEXED BY tokens_by_account
  ON found.account_id = caller.account_id AND found.id = +?6"
);

/// Ends the rotated token after its grace, if another took its place. It runs last: the caller may be ending itself.
/// `?4` its id, `?5` the other's, `?6` the grace in seconds.
const REVOKE_ROTATED: &str = as_caller!(
    "
UPDATE tokens INDEXED BY tokens_by_account
SET revoked_at = min(coalesce(revoked_at, 253402300799), ?2 + ?6)
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?4
  AND EXISTS (
    SELECT 1 FROM tokens AS successor INDEXED BY tokens_by_account
    WHERE successor.account_id = tokens.account_id AND successor.id = ?5
  )"
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
    let id: Parameter = id.as_str().into();
    let revoke = [id.clone(), identity.request_id.as_str().into(), grace.into()];
    (
        identity.statement(INSERT_LIKE, [hash.as_str().into(), id.clone()]),
        identity.statement(ROTATED, [id, salt.into()]),
        Statement::new(REVOKE_ROTATED, revoke),
    )
}

/// What a revocation will find: a token that is still valid. `?4` its id, `?5` the tags of `If-Match` or null.
const FOUND: &str = answer!(
    "iif(?5 IS NULL OR instr(?5, '\"' || found.tag || '\"'), 'deleted', 'outdated') AS outcome, found.tag",
    "LEFT JOIN tokens AS found INDEXED BY tokens_by_account
  ON found.account_id = caller.account_id AND found.id = +?4 AND found.valid_until > ?2"
);

/// Ends a token now. `?4` and `?5` as above.
const REVOKE: &str = as_caller!(
    "
UPDATE tokens INDEXED BY tokens_by_account
SET revoked_at = ?2
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?4
  AND valid_until > ?2
  AND (?5 IS NULL OR instr(?5, '\"' || tag || '\"'))"
);

/// The statements of a revocation. The outcome is `deleted` or `outdated`.
pub fn revoke(id: &Id, if_match: &Condition) -> (Statement, Statement) {
    let parameters: [Parameter; 2] = [id.as_str().into(), if_match.tags().into()];
    (Statement::new(FOUND, parameters.clone()), Statement::new(REVOKE, parameters))
}
