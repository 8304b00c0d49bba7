//! The SQL of tokens, each statement whole but for the caller ([`as_caller!`]), with the index it rides on.
//! What `?1`, `?2` and the columns of an answer are: `query.rs`. 253402300800 is the end of time: the year 10000.

use crate::{
    auth::{scopes::Scopes, token::TokenHash},
    clock::{moment, new_id},
    http::conditions::Condition,
    id::Id,
    idempotency::{Identity, unless_replayed},
    input::values::{Name, Timestamp},
    last_use::token,
    paging::Paging,
    query::{Parameter, Statement, answer, as_caller},
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

/// The caller's own token, and the name of its account. Nothing of it can change, so its id is its tag.
const RETRIEVE_OWN: &str = answer!(
    "found.id AS position, found.id AS tag,
  iif(
    found.id IS NULL,
    NULL,
    json_object(
      'id', found.id,
      'name', found.name,
      'account', accounts.name,
      'scopes', found.object ->> 'scopes',
      'created_at', found.created_at,
      'expires_at', found.expires_at
    )
  ) AS object",
    "LEFT JOIN accounts -- PRIMARY KEY (id)
  ON accounts.id = caller.account_id
LEFT JOIN tokens AS found -- PRIMARY KEY (hash)
  ON found.hash = +?1 AND found.account_id = accounts.id"
);

/// The statement that retrieves it.
pub fn retrieve_own() -> Statement {
    Statement::new(RETRIEVE_OWN, [])
}

/// Whether a token may do more than the caller, or for longer. Then the caller may neither rotate nor revoke it. No
/// token is stronger than itself.
macro_rules! is_stronger {
    ($token:literal) => {
        concat!("(", $token, ".scopes & ~caller.scopes OR ", $token, ".valid_until > caller.valid_until)")
    };
}

/// What revokes a token, for the API and for `npm run token`: at once and forever, also in its grace period.
macro_rules! revoke {
    () => {
        include_str!("revoke.sql")
    };
}

// Creation and rotation: `?3` to `?5` are the request's identity (idempotency.rs). `?6` the new token's hash. The
// secret is added to the object outside the database, so the object comes without its closing brace.

/// Whether the new token is there.
macro_rules! created {
    () => {
        "EXISTS (SELECT 1 FROM tokens AS created WHERE created.hash = +?6)"
    };
}

/// Whether the account has as many valid tokens as its quota allows. Reads these tokens and no others: the quota bounds
/// what a creation reads, however many tokens have expired or were revoked.
macro_rules! at_quota {
    ($account:literal) => {
        concat!(
            "(
    SELECT count(*) FROM tokens AS valid INDEXED BY tokens_by_end
    WHERE valid.account_id = ",
            $account,
            " AND valid.valid_until > unixepoch()
  ) >= (SELECT max_tokens FROM accounts WHERE accounts.id = ",
            $account,
            ")"
        )
    };
}

/// The outcome at the quota: `quota`, and how many tokens it allows.
macro_rules! quota {
    () => {
        "(SELECT 'quota ' || max_tokens FROM accounts WHERE accounts.id = caller.account_id)"
    };
}

/// The account's newest token.
macro_rules! newest_token {
    () => {
        "(SELECT id FROM tokens INDEXED BY tokens_by_account
        WHERE tokens.account_id = caller.account_id ORDER BY id DESC LIMIT 1)"
    };
}

/// Adds a token that may do nothing the caller may not, and not for longer: without an expiry of its own it ends when
/// the caller does. `?7` its name, `?8` its scopes, `?9` its expiry or null.
const INSERT: &str = as_caller!(concat!(
    moment!(newest_token!()),
    "
INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at, is_full, is_watched)
SELECT
  ?6,
  ",
    new_id!(),
    ",
  moment.account_id, ?7, ?8, unixepoch(), coalesce(?9, nullif(caller.valid_until, 253402300800)),
  caller.is_full, caller.is_watched
FROM caller
JOIN moment
WHERE NOT (?8 & ~caller.scopes)
  AND coalesce(?9, 253402300799) > unixepoch()
  AND coalesce(?9, 0) <= caller.valid_until
  AND ",
    unless_replayed!("moment.account_id"),
    "
  AND NOT ",
    at_quota!("moment.account_id")
));

/// The token just added, or what it asked too much of, or that it would never have been valid, or that the account has
/// too many. `?7` its scopes, `?8` its expiry or null.
const CREATED: &str = answer!(
    after created!(),
    concat!(
        "CASE
    WHEN found.id IS NOT NULL THEN 'created'
    WHEN ?7 & ~caller.scopes THEN 'scopes'
    WHEN ?8 > caller.valid_until THEN 'expires_at'
    WHEN ?8 <= unixepoch() THEN 'expired'
    ELSE ",
        quota!(),
        "
  END AS outcome,
  found.id AS position, found.tag, substr(found.object, 1, length(found.object) - 1) AS object"
    ),
    "LEFT JOIN tokens AS found -- PRIMARY KEY (hash)
  ON found.hash = +?6"
);

/// The statements of a creation. The outcome is `created`, or what was refused: `scopes`, `expires_at` that is too
/// late, `expired`, or `quota` and how many tokens it allows.
pub fn create(
    identity: &Identity,
    hash: &TokenHash,
    name: Name,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
) -> (Statement, Statement) {
    let hash: Parameter = hash.as_str().into();
    let scopes: Parameter = scopes.bits().into();
    let expires_at: Parameter = expires_at.map(Timestamp::seconds).into();
    let insert = [hash.clone(), name.to_string().into(), scopes.clone(), expires_at.clone()];
    (identity.statement(INSERT, insert), identity.statement(CREATED, [hash, scopes, expires_at]))
}

/// Whether a token was rotated, and its successor is valid.
macro_rules! has_successor {
    () => {
        "EXISTS (
    SELECT 1 FROM tokens AS successor INDEXED BY tokens_by_account
    WHERE successor.account_id = rotated.account_id AND successor.id = rotated.successor_id
      AND successor.valid_until > unixepoch()
  )"
    };
}

/// Adds a token that may do what another of the account may, unless that one is stronger than the caller or has a
/// successor. It never ends later than the caller: a token in its grace period can't outlive it. `?7` the other's id.
const INSERT_LIKE: &str = as_caller!(concat!(
    moment!(newest_token!()),
    "
INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at, is_full, is_watched)
SELECT
  ?6,
  ",
    new_id!(),
    ",
  rotated.account_id, rotated.name, rotated.scopes, unixepoch(),
  nullif(min(coalesce(rotated.expires_at, 253402300800), caller.valid_until), 253402300800),
  caller.is_full, caller.is_watched
FROM caller
JOIN moment
JOIN tokens AS rotated INDEXED BY tokens_by_account
  ON rotated.account_id = moment.account_id AND rotated.id = +?7
WHERE rotated.valid_until > unixepoch()
  AND NOT ",
    is_stronger!("rotated"),
    "
  AND NOT ",
    has_successor!(),
    "
  AND ",
    unless_replayed!("moment.account_id"),
    "
  AND NOT ",
    at_quota!("rotated.account_id")
));

/// The token that takes the other's place, or why none does. `?7` the other's id.
const ROTATED: &str = answer!(
    after created!(),
    concat!(
        "CASE
    WHEN found.id IS NOT NULL THEN 'created'
    WHEN rotated.id IS NULL THEN NULL
    WHEN ",
        is_stronger!("rotated"),
        " THEN 'stronger'
    WHEN ",
        has_successor!(),
        " THEN 'rotated ' || rotated.successor_id
    ELSE ",
        quota!(),
        "
  END AS outcome,
  found.id AS position, found.tag, substr(found.object, 1, length(found.object) - 1) AS object"
    ),
    "LEFT JOIN tokens AS rotated INDEXED BY tokens_by_account
  ON rotated.account_id = caller.account_id AND rotated.id = +?7 AND rotated.valid_until > unixepoch()
LEFT JOIN tokens AS found -- PRIMARY KEY (hash)
  ON found.hash = +?6"
);

/// Names the rotated token's successor in its row, and ends it, if another took its place. It runs last: the caller may
/// be ending itself. `?7` the rotated token's id.
macro_rules! replace {
    ($end:expr) => {
        as_caller!(
            after created!(),
            concat!(
                "
UPDATE tokens INDEXED BY tokens_by_account
SET successor_id = (SELECT created.id FROM tokens AS created WHERE created.hash = ?6),
  ",
                $end,
                "
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?7
  AND EXISTS (SELECT 1 FROM tokens AS created WHERE created.hash = ?6)"
            )
        )
    };
}

/// Ends the rotated token at once.
const REPLACE: &str = replace!(revoke!());

/// Ends it after its grace period. `?8` the period in seconds.
const REPLACE_LATER: &str = replace!("revoked_at = min(coalesce(revoked_at, 253402300799), unixepoch() + ?8)");

/// The statements of a rotation, the last of which runs after the answer. The outcome is `created`, or `stronger`, or
/// `rotated` and the id of the successor, or `quota` and how many tokens it allows, or null where there is no such
/// token or it is no longer valid.
pub fn rotate(identity: &Identity, id: &Id, hash: &TokenHash, grace: i64) -> (Statement, Statement, Statement) {
    let (hash, id): (Parameter, Parameter) = (hash.as_str().into(), id.as_str().into());
    let both = || [hash.clone(), id.clone()];
    let replace = match grace {
        0 => identity.statement(REPLACE, both()),
        _ => identity.statement(REPLACE_LATER, [hash.clone(), id.clone(), grace.into()]),
    };
    (identity.statement(INSERT_LIKE, both()), identity.statement(ROTATED, both()), replace)
}

/// Whether `If-Match` allows. `?4` its tags, or null. The part of a tag behind the dot is the day of the last use.
/// It does not count.
macro_rules! if_match {
    ($token:literal) => {
        concat!(
            "(?4 IS NULL OR instr(?4, '\"' || coalesce(",
            $token,
            ".id || '-' || ",
            $token,
            ".revoked_at, ",
            $token,
            ".id) || '.'))"
        )
    };
}

/// Ends a token now, if it is still valid and not stronger than the caller. `?3` its id, `?4` the tags of `If-Match` or
/// null.
const REVOKE: &str = as_caller!(concat!(
    "
UPDATE tokens INDEXED BY tokens_by_account
SET ",
    revoke!(),
    "WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?3
  AND valid_until > unixepoch()
  AND ",
    if_match!("tokens"),
    "
  AND (SELECT NOT ",
    is_stronger!("tokens"),
    " FROM caller)
RETURNING
  account_id AS account,
  (SELECT ",
    token!(),
    " FROM tokens WHERE hash = ?1) AS token, -- PRIMARY KEY (hash)
  'deleted' AS outcome, tag"
));

/// The token, if it was not revoked and is still valid, and why it was not. `?3` its id, `?4` the tags of `If-Match` or
/// null.
const KEPT: &str = answer!(
    concat!("iif(", if_match!("found"), " AND ", is_stronger!("found"), ", 'stronger', NULL) AS outcome, found.tag"),
    "LEFT JOIN tokens AS found INDEXED BY tokens_by_account
  ON found.account_id = caller.account_id AND found.id = +?3 AND found.valid_until > unixepoch()"
);

/// The statements of a revocation. The outcome is `deleted`, or `stronger`, or null.
pub fn revoke(id: &Id, if_match: &Condition) -> [Statement; 2] {
    let parameters: [Parameter; 2] = [id.as_str().into(), if_match.tags().into()];
    [Statement::new(REVOKE, parameters.clone()), Statement::new(KEPT, parameters)]
}
