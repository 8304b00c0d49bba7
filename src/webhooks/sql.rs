//! The SQL of endpoints, each statement whole but for the caller ([`as_caller!`]), with the index it rides on. What
//! `?1`, `?2` and the columns of an answer are: `query.rs`. What delivers: `delivery.rs`.
//!
//! The view `webhooks_shown` has the object, and a tag of two parts: that of the settings, and that of the state, which
//! deliveries change. `If-Match` asks for the first alone: else it would never match while there are deliveries.

use crate::{
    clock::{moment, new_id},
    events::{
        input::{Position, Start},
        sql::id as event_id,
    },
    http::conditions::Condition,
    id::Id,
    idempotency::{Identity, unless_replayed},
    input::values::{Description, GracePeriod},
    last_use::token,
    paging::Paging,
    query::{Parameter, Statement, answer, as_caller},
    webhooks::{
        input::{Status, Types},
        url::EndpointUrl,
    },
};

/// A page of the account's endpoints. With `ending_before` the rows come in reverse. Reads 2 * limit + 3 rows at
/// most, and what `behind` takes. `?3` the rows wanted, `?4` the position.
pub fn list(paging: &Paging) -> Statement {
    let (past, order) = paging.direction();
    let sql = [
        answer!(
            "found.id AS position, found.object",
            "LEFT JOIN webhooks_shown AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id "
        ),
        past,
        " ?4
ORDER BY found.id ",
        order,
        " LIMIT +?3",
    ];
    Statement::new(sql.concat(), [paging.limit.and_one_more().into(), paging.position().into()])
}

/// The endpoint `found`, whose id is `$id`.
macro_rules! found {
    ($id:expr) => {
        concat!(
            "LEFT JOIN webhooks_shown AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = ",
            $id
        )
    };
}

/// The columns of an answer with a secret: the object comes without its closing brace.
macro_rules! before_secret {
    () => {
        "found.id AS position, found.tag, substr(found.object, 1, length(found.object) - 1) AS object"
    };
}

/// One endpoint. `?3` its id.
const RETRIEVE: &str = answer!("found.id AS position, found.tag, found.object", found!("+?3"));

/// The statement of a retrieval.
pub fn retrieve(id: &Id) -> Statement {
    Statement::new(RETRIEVE, [id.as_str().into()])
}

/// The number of the newest event of the account `$account`.
macro_rules! newest_seq {
    ($account:literal) => {
        concat!("coalesce((SELECT max(seq) FROM events WHERE events.account_id = ", $account, "), 0)")
    };
}

/// Its id.
macro_rules! newest_event_id {
    ($account:literal) => {
        concat!(
            "coalesce(
    (
      SELECT ",
            event_id!(),
            " FROM events -- PRIMARY KEY (account_id, seq)
      WHERE events.account_id = ",
            $account,
            " ORDER BY seq DESC LIMIT 1
    ),
    '0000000000000000'
  )"
        )
    };
}

// Creations: `?3` to `?5` are the request's identity (idempotency.rs). The request's id is also the salt.

/// Adds an endpoint, which starts after the newest event, unless the account has as many as its quota allows. `?6` the
/// URL, `?7` the types or null, `?8` the description or null.
const INSERT: &str = as_caller!(concat!(
    moment!(
        "(SELECT id FROM webhooks -- PRIMARY KEY (account_id, id)
        WHERE webhooks.account_id = caller.account_id ORDER BY id DESC LIMIT 1)"
    ),
    "
INSERT INTO webhooks
  (account_id, id, url, types, description, created_at, scopes, changed_by, salt, seq, last_event_id)
SELECT
  moment.account_id,
  ",
    new_id!(),
    ",
  ?6, ?7, ?8, unixepoch(), caller.scopes, ?5, ?5,
  ",
    newest_seq!("moment.account_id"),
    ",
  ",
    newest_event_id!("moment.account_id"),
    "
FROM caller
JOIN moment
WHERE (
    SELECT count(*) FROM webhooks AS other WHERE other.account_id = moment.account_id -- PRIMARY KEY (account_id, id)
  ) < (SELECT max_webhooks FROM accounts WHERE accounts.id = moment.account_id)
  AND ",
    unless_replayed!("moment.account_id")
));

/// The endpoint just added, which is the newest, and its salt; or how many endpoints the quota allows.
const CREATED: &str = answer!(
    after "(
    SELECT changed_by FROM webhooks -- PRIMARY KEY (account_id, id)
    WHERE webhooks.account_id = tokens.account_id
    ORDER BY id DESC LIMIT 1
  ) = +?5",
    concat!(
        "CASE
    WHEN found.changed_by = +?5 THEN 'created ' || found.salt
    ELSE (SELECT 'quota ' || max_webhooks FROM accounts WHERE accounts.id = caller.account_id)
  END AS outcome,
  ",
        before_secret!()
    ),
    found!("(SELECT max(id) FROM webhooks WHERE webhooks.account_id = caller.account_id)")
);

/// The statements of a creation. The outcome is `created` and the salt, or `quota` and how many endpoints it allows.
pub fn create(
    identity: &Identity,
    url: &EndpointUrl,
    types: Option<Types>,
    description: Option<Description>,
) -> (Statement, Statement) {
    let insert: [Parameter; 3] = [
        url.to_string().into(),
        types.map(Types::bits).into(),
        description.map(|description| description.to_string()).into(),
    ];
    (identity.statement(INSERT, insert), identity.statement(CREATED, []))
}

/// Gives the endpoint another secret. `?6` its id, `?7` for how many seconds the one from before signs too.
const ROTATE: &str = as_caller!(concat!(
    "
UPDATE webhooks -- PRIMARY KEY (account_id, id)
SET salt = ?5, previous_salt = salt, previous_until = unixepoch() + ?7, changed_by = ?5
WHERE account_id = (SELECT account_id FROM caller) AND id = ?6
  AND ",
    unless_replayed!("webhooks.account_id")
));

/// The endpoint and its salt. `?6` its id.
const ROTATED: &str = answer!(
    after "(
    SELECT salt FROM webhooks -- PRIMARY KEY (account_id, id)
    WHERE webhooks.account_id = tokens.account_id AND webhooks.id = +?6
  ) = +?5",
    concat!("'rotated ' || found.salt AS outcome, ", before_secret!()),
    found!("+?6")
);

/// The statements of a rotation. The outcome is `rotated` and the salt, or null.
pub fn rotate(identity: &Identity, id: &Id, grace: GracePeriod) -> (Statement, Statement) {
    let id: Parameter = id.as_str().into();
    (identity.statement(ROTATE, [id.clone(), grace.seconds().into()]), identity.statement(ROTATED, [id]))
}

/// Leaves a ping to be sent, whose id is the request's, unless one is waiting. `?6` the endpoint's id.
const PING: &str = as_caller!(concat!(
    "
UPDATE webhooks -- PRIMARY KEY (account_id, id)
SET ping_id = ?5
WHERE account_id = (SELECT account_id FROM caller) AND id = ?6 AND ping_id IS NULL
  AND ",
    unless_replayed!("webhooks.account_id")
));

/// The ping that waits. `?6` the endpoint's id.
const PINGED: &str = answer!(
    after "(
    SELECT ping_id FROM webhooks -- PRIMARY KEY (account_id, id)
    WHERE webhooks.account_id = tokens.account_id AND webhooks.id = +?6
  ) = +?5",
    "'pinged' AS outcome, found.ping_id AS position, found.id AS tag, json_object('id', found.ping_id) AS object",
    "LEFT JOIN webhooks AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = +?6"
);

/// The statements of a ping.
pub fn ping(identity: &Identity, id: &Id) -> (Statement, Statement) {
    let id: Parameter = id.as_str().into();
    (identity.statement(PING, [id.clone()]), identity.statement(PINGED, [id]))
}

/// The columns that an update may change.
macro_rules! columns {
    () => {
        "(
    url, scopes, types, description, is_enabled, disabled_reason, seq, last_event_id,
    failures, failing_since, next_attempt_at
  )"
    };
}

/// What an update makes of them. An endpoint that is enabled, or gets another URL, is tried at once.
macro_rules! updated {
    () => {
        concat!(
            "(
    coalesce(?6, url),
    iif(?6 IS NULL, scopes, (SELECT caller.scopes FROM caller)),
    iif(?7, ?8, types),
    iif(?9, ?10, description),
    coalesce(?11, is_enabled),
    CASE ?11 WHEN 1 THEN NULL WHEN 0 THEN coalesce(disabled_reason, 'requested') ELSE disabled_reason END,
    CASE WHEN ?12 IS NULL THEN seq WHEN ?13 = 'now' THEN ",
            newest_seq!("webhooks.account_id"),
            " ELSE ?12 END,
    CASE WHEN ?12 IS NULL THEN last_event_id WHEN ?13 = 'now' THEN ",
            newest_event_id!("webhooks.account_id"),
            " ELSE ?13 END,
    iif(?6 IS NULL AND ?11 IS NOT 1, failures, 0),
    iif(?6 IS NULL AND ?11 IS NOT 1, failing_since, NULL),
    iif(?6 IS NULL AND ?11 IS NOT 1, next_attempt_at, NULL)
  )"
        )
    };
}

/// Whether the log has the position that is set, or that the endpoint `$webhook` goes on from when it is enabled: the
/// event is there, or was the last one before the oldest.
macro_rules! may_start {
    ($webhook:literal) => {
        concat!(
            "(
    ?13 IS 'now' OR ?12 IS NULL AND (?11 IS NOT 1 OR ",
            $webhook,
            ".is_enabled)
    OR coalesce(
      (
        SELECT ",
            event_id!(),
            " = coalesce(?13, ",
            $webhook,
            ".last_event_id) OR seq = coalesce(?12, ",
            $webhook,
            ".seq) + 1
        FROM events -- PRIMARY KEY (account_id, seq)
        WHERE events.account_id = ",
            $webhook,
            ".account_id AND events.seq >= coalesce(?12, ",
            $webhook,
            ".seq)
        ORDER BY seq LIMIT 1
      ),
      coalesce(?13, ",
            $webhook,
            ".last_event_id) = '0000000000000000'
    )
  )"
        )
    };
}

/// Changes the attributes that were sent and no others, all or none of them: not when `If-Match` does not match, not
/// from a position that the log does not have, and not when all of them have these values already. `?3` the id, `?4`
/// the request's id, `?5` the tags of `If-Match` or null, `?6` url or null, `?7` `?8` types sent and their value, `?9`
/// `?10` description sent and its value, `?11` is_enabled or null, `?12` `?13` the number and the id of the event or
/// null; of the newest 0 and `now`.
const UPDATE: &str = as_caller!(concat!(
    "
UPDATE webhooks -- PRIMARY KEY (account_id, id)
SET
  ",
    columns!(),
    " = ",
    updated!(),
    ",
  changed_by = +?4
WHERE account_id = (SELECT account_id FROM caller)
  AND id = +?3
  AND (?5 IS NULL OR instr(?5, '\"' || changed_by || '-'))
  AND ",
    may_start!("webhooks"),
    "
  AND ",
    columns!(),
    " IS NOT ",
    updated!()
));

/// The endpoint after an update, and what became of that. Parameters as for the update.
const UPDATED: &str = answer!(
    after "(
    SELECT changed_by FROM webhooks -- PRIMARY KEY (account_id, id)
    WHERE webhooks.account_id = tokens.account_id AND webhooks.id = +?3
  ) = +?4",
    concat!(
        "caller.scopes,
  CASE
    WHEN found.changed_by = +?4 THEN 'updated'
    WHEN NOT instr(?5, '\"' || found.changed_by || '-') THEN 'outdated'
    WHEN NOT ",
        may_start!("found"),
        " THEN 'expired'
    ELSE 'unchanged'
  END AS outcome,
  found.id AS position, found.tag, found.object"
    ),
    found!("+?3")
);

/// What an update sets, checked.
#[derive(Default, PartialEq, Eq)]
pub struct Changes {
    /// `url`
    pub url: Option<EndpointUrl>,
    /// `types`, None to leave it as it is.
    pub types: Option<Option<Types>>,
    /// `description`, None to leave it as it is.
    pub description: Option<Option<Description>>,
    /// `status`
    pub status: Option<Status>,
    /// `last_event_id`
    pub start: Option<Start>,
}

/// The statements of an update. The outcome is `updated`, `unchanged`, `outdated` or `expired`.
pub fn update(id: &Id, request_id: &Id, if_match: &Condition, changes: Changes) -> [Statement; 2] {
    let (seq, event_id): (Parameter, Parameter) = match changes.start {
        None => (Parameter::Null, Parameter::Null),
        Some(Start::Now) => (0.into(), "now".into()),
        Some(Start::After(Position { id, seq })) => (seq.into(), id.as_str().into()),
    };
    let parameters: Vec<Parameter> = vec![
        id.as_str().into(),
        request_id.as_str().into(),
        if_match.tags().into(),
        changes.url.map(|url| url.to_string()).into(),
        changes.types.is_some().into(),
        changes.types.flatten().map(Types::bits).into(),
        changes.description.is_some().into(),
        changes.description.flatten().map(|description| description.to_string()).into(),
        changes.status.map(|status| status == Status::Enabled).into(),
        seq,
        event_id,
    ];
    [UPDATE, UPDATED].map(|sql| Statement::new(sql, parameters.clone()))
}

/// Deletes an endpoint, and by a trigger its attempts. `?3` its id, `?4` the tags of `If-Match` or null.
const DELETE: &str = as_caller!(concat!(
    "
DELETE FROM webhooks -- PRIMARY KEY (account_id, id)
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?3
  AND (?4 IS NULL OR instr(?4, '\"' || changed_by || '-'))
RETURNING
  account_id AS account,
  (SELECT ",
    token!(),
    " FROM tokens WHERE hash = ?1) AS token, -- PRIMARY KEY (hash)
  'deleted' AS outcome"
));

/// The endpoint, if it is still there. `?3` its id.
const KEPT: &str = answer!("found.tag", found!("+?3"));

/// The statements of a deletion. The outcome is `deleted`, or null.
pub fn delete(id: &Id, if_match: &Condition) -> [Statement; 2] {
    let id: Parameter = id.as_str().into();
    [Statement::new(DELETE, [id.clone(), if_match.tags().into()]), Statement::new(KEPT, [id])]
}

/// A page of an endpoint's attempts; the tag tells whether the endpoint is there. With `ending_before` the rows come in
/// reverse. Reads the hundred attempts that are kept, which are not stored in order, and two rows. `?3` the rows
/// wanted, `?4` the position, `?5` the endpoint's id.
pub fn attempts(paging: &Paging, id: &Id) -> Statement {
    let (past, order) = paging.direction();
    let sql = [
        answer!(
            "found.id AS tag, printf('%016x', attempt.number) AS position,
  iif(
    attempt.number IS NULL,
    NULL,
    json_object(
      'id', printf('%016x', attempt.number),
      'event_id', attempt.event_id,
      'type', attempt.type,
      'created_at', attempt.created_at,
      'status', attempt.status,
      'error', attempt.error,
      'duration', attempt.duration
    )
  ) AS object",
            "LEFT JOIN webhooks AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = +?5
LEFT JOIN webhook_attempts AS attempt -- PRIMARY KEY (account_id, webhook_id, slot)
  ON attempt.account_id = found.account_id AND attempt.webhook_id = found.id
  AND printf('%016x', attempt.number) "
        ),
        past,
        " ?4
ORDER BY attempt.number ",
        order,
        " LIMIT +?3",
    ];
    let parameters: [Parameter; 3] = [paging.limit.and_one_more().into(), paging.position().into(), id.as_str().into()];
    Statement::new(sql.concat(), parameters)
}
