//! The SQL of tokens, each statement whole, with the index it rides on. Pure.
//! What `?1` to `?3` are, and what an answer is, `call.rs` says. 253402300800 is the end of time: the year 10000.

use crate::{
    auth::TokenHash,
    call::{Parameter, Statement},
    conditions::Condition,
    id::Id,
    idempotency::Identity,
    page::Paging,
    values::{Name, Scopes, Timestamp},
};

/// A page of the account's tokens. Reads 2 * limit + 3 rows at most. `?4` the rows wanted, `?5` the position; `{PAST}` and
/// `{ORDER}` are the direction of travel.
const LIST: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  iif(caller.scopes & ?3, (
    SELECT group_concat(id || char(9) || object, char(10))
    FROM (
      SELECT id, object FROM tokens INDEXED BY tokens_by_account
      WHERE account_id = caller.account_id AND id {PAST} ?5
      ORDER BY id {ORDER} LIMIT +?4
    )
  ), NULL) AS answer
FROM tokens AS caller
WHERE caller.hash = +?1 AND caller.valid_until > ?2";

/// The statement of a list.
pub fn list(paging: &Paging) -> Statement {
    let (past, order) = paging.direction();
    let parameters = vec![paging.limit.and_one_more().into(), paging.position().into()];
    Statement::filled(LIST, &[("{PAST}", past), ("{ORDER}", order)], parameters)
}

/// One token, be it good or not. `?4` its id.
const RETRIEVE: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT tag || char(9) || object FROM tokens INDEXED BY tokens_by_account
    WHERE account_id = caller.account_id AND id = ?4
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// The statement of a retrieval; the answer is its tag, TAB, the object.
pub fn retrieve(id: &Id) -> Statement {
    Statement::new(RETRIEVE, [id.to_string().into()])
}

// Creation and rotation: `?4` to `?6` are the request's identity (idempotency.rs), its id the new token's.

/// Adds a token that may do nothing the caller may not, and not for longer: without an end of its own it ends when the
/// caller does. `?7` its hash, `?8` its name, `?9` its scopes, `?10` its end or null.
const INSERT: &str = "\
INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at)
SELECT ?7, ?6, caller.account_id, ?8, ?9, ?2, coalesce(?10, nullif(caller.valid_until, 253402300800))
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  AND NOT (?9 & ~caller.scopes)
  AND coalesce(?10, 0) <= caller.valid_until
  AND NOT EXISTS (
    SELECT 1 FROM idempotency_keys -- PRIMARY KEY (account_id, key)
    WHERE account_id = caller.account_id AND key = ?4 AND expires_at > ?2
  )";

/// The token just added, or what it asked too much of. `?7` its scopes, `?8` its salt.
const CREATED: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  coalesce(
    (
      SELECT ?8 || char(9) || tag || char(9) || object FROM tokens INDEXED BY tokens_by_account
      WHERE account_id = caller.account_id AND id = +?6
    ),
    iif(?7 & ~caller.scopes, 'scopes', 'expires_at') || char(9)
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = +?1 AND caller.valid_until > ?2";

/// The statements of a creation; the answer is the salt, TAB, tag, TAB, the object, or `scopes` or `expires_at`, TAB.
pub fn create(
    identity: &Identity,
    hash: &TokenHash,
    name: Name,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
    salt: String,
) -> (Statement, Statement) {
    let scopes: Parameter = scopes.bits().into();
    let insert = [
        hash.as_str().to_owned().into(),
        name.to_string().into(),
        scopes.clone(),
        expires_at.map(Timestamp::seconds).into(),
    ];
    (identity.statement(INSERT, insert), identity.statement(CREATED, [scopes, salt.into()]))
}

/// Adds a token that may do what another of the account may, and for as long, unless that is more than the caller may.
/// `?7` the new one's hash, `?8` the other's id.
const INSERT_LIKE: &str = "\
INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at)
SELECT ?7, ?6, rotated.account_id, rotated.name, rotated.scopes, ?2, rotated.expires_at
FROM tokens AS caller
JOIN tokens AS rotated INDEXED BY tokens_by_account
  ON rotated.account_id = caller.account_id AND rotated.id = +?8
WHERE caller.hash = +?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  AND rotated.valid_until > ?2
  AND NOT (rotated.scopes & ~caller.scopes)
  AND coalesce(rotated.expires_at, 253402300800) <= caller.valid_until
  AND NOT EXISTS (
    SELECT 1 FROM idempotency_keys -- PRIMARY KEY (account_id, key)
    WHERE account_id = caller.account_id AND key = +?4 AND expires_at > ?2
  )";

/// The token that takes the other's place, or why none does. `?7` the other's id, `?8` the new one's salt.
const ROTATED: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  coalesce(
    (
      SELECT ?8 || char(9) || tag || char(9) || object FROM tokens INDEXED BY tokens_by_account
      WHERE account_id = caller.account_id AND id = +?6
    ),
    (
      SELECT 'stronger' || char(9)
      FROM tokens AS rotated INDEXED BY tokens_by_account
      WHERE rotated.account_id = caller.account_id AND rotated.id = +?7 AND rotated.valid_until > ?2
    )
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = +?1 AND caller.valid_until > ?2";

/// Ends the rotated token after its grace, if another took its place. It runs last: the caller may be ending itself.
/// `?4` its id, `?5` the other's, `?6` the grace in seconds.
const REVOKE_ROTATED: &str = "\
UPDATE tokens INDEXED BY tokens_by_account
SET revoked_at = min(coalesce(revoked_at, 253402300799), ?2 + ?6)
WHERE account_id = (
    SELECT caller.account_id FROM tokens AS caller
    WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  )
  AND id = ?4
  AND EXISTS (
    SELECT 1 FROM tokens AS successor INDEXED BY tokens_by_account
    WHERE successor.account_id = tokens.account_id AND successor.id = ?5
  )";

/// The statements of a rotation, the last of which runs after the answer, which is the salt, TAB, tag, TAB, the object, or
/// `stronger`, TAB, or nothing where there is no such token or it is no longer good.
pub fn rotate(
    identity: &Identity,
    id: &Id,
    hash: &TokenHash,
    grace: i64,
    salt: String,
) -> (Statement, Statement, Statement) {
    let id: Parameter = id.to_string().into();
    let revoke = [id.clone(), identity.request_id.to_string().into(), grace.into()];
    (
        identity.statement(INSERT_LIKE, [hash.as_str().to_owned().into(), id.clone()]),
        identity.statement(ROTATED, [id, salt.into()]),
        Statement::new(REVOKE_ROTATED, revoke),
    )
}

/// What a revocation will find: a token that is still good. `?4` its id, `?5` the tags that it may have, or null.
const FOUND: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT iif(?5 IS NULL OR instr(?5, '\"' || tag || '\"'), 'deleted', 'outdated') || char(9) || tag || char(9)
    FROM tokens INDEXED BY tokens_by_account
    WHERE account_id = caller.account_id AND id = ?4 AND tokens.valid_until > ?2
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// Ends a token now. `?4` and `?5` as for what it will find.
const REVOKE: &str = "\
UPDATE tokens INDEXED BY tokens_by_account
SET revoked_at = ?2
WHERE account_id = (
    SELECT caller.account_id FROM tokens AS caller
    WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  )
  AND id = ?4
  AND valid_until > ?2
  AND (?5 IS NULL OR instr(?5, '\"' || tag || '\"'))";

/// The statements of a revocation; the answer is `deleted` or `outdated`, TAB, tag, TAB.
pub fn revoke(id: &Id, condition: &Condition) -> (Statement, Statement) {
    let parameters = [id.to_string().into(), condition.parameter()];
    (Statement::new(FOUND, parameters.clone()), Statement::new(REVOKE, parameters))
}
