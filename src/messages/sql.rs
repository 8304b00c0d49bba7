//! The SQL of messages, each statement whole, with the index it rides on. Pure.
//! What `?1` to `?3` are, and what an answer is, `call.rs` says.

use crate::{
    attributes::Field,
    call::{Parameter, Statement},
    conditions::Condition,
    id::Id,
    idempotency::Identity,
    page::Paging,
    values::{Reference, Text, Timestamp},
};

// `{PAST}` and `{ORDER}` are the direction of travel.

/// A page of all messages of the account. Reads limit + 2 rows at most. `?4` the rows wanted, `?5` the position.
const LIST: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  iif(caller.scopes & ?3, (
    SELECT group_concat(id || char(9) || object, char(10))
    FROM (
      SELECT id, object FROM messages INDEXED BY messages_by_id
      WHERE account_id = caller.account_id AND id {PAST} ?5
      ORDER BY id {ORDER} LIMIT +?4
    )
  ), NULL) AS answer
FROM tokens AS caller
WHERE caller.hash = +?1 AND caller.valid_until > ?2";

/// A page of one conversation's messages. Reads limit + 2 rows at most.
/// `?4` the rows wanted, `?5` the position, `?6` the conversation.
const LIST_OF_CONVERSATION: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  iif(caller.scopes & ?3, (
    SELECT group_concat(id || char(9) || object, char(10))
    FROM (
      SELECT id, object FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
      WHERE account_id = caller.account_id AND conversation_id = +?6 AND id {PAST} ?5
      ORDER BY id {ORDER} LIMIT +?4
    )
  ), NULL) AS answer
FROM tokens AS caller
WHERE caller.hash = +?1 AND caller.valid_until > ?2";

/// A page of messages; `ending_before` walks the other way and the page is turned round afterwards.
pub fn list(paging: &Paging, conversation_id: Option<&Id>) -> Statement {
    let template = if conversation_id.is_some() { LIST_OF_CONVERSATION } else { LIST };
    let (past, order) = paging.direction();
    let mut parameters: Vec<Parameter> = vec![paging.limit.and_one_more().into(), paging.position().into()];
    parameters.extend(conversation_id.map(|id| id.to_string().into()));
    Statement::filled(template, &[("{PAST}", past), ("{ORDER}", order)], parameters)
}

// A creation: `?4` to `?6` are the request's identity (idempotency.rs), its id the new object's; `?7` the conversation,
// `?8` who sent the message, `?9` the text.

/// Adds a message to a conversation that is there; to one that isn't, nothing.
const INSERT: &str = "\
INSERT INTO messages (account_id, conversation_id, id, contact_id, message, created_at)
SELECT conversation.account_id, conversation.id, ?6, ?8, ?9, ?2
FROM tokens AS caller
JOIN conversations AS conversation -- PRIMARY KEY (account_id, id)
  ON conversation.account_id = caller.account_id AND conversation.id = +?7
WHERE caller.hash = +?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  AND NOT EXISTS (
    SELECT 1 FROM idempotency_keys -- PRIMARY KEY (account_id, key)
    WHERE account_id = caller.account_id AND key = +?4 AND expires_at > ?2
  )";

/// Marks the conversation active now; a message of the account's own also opens it.
const TOUCH: &str = "\
UPDATE conversations -- PRIMARY KEY (account_id, id)
SET last_active_at = ?2, last_opened_at = iif(?8 IS NULL, ?2, last_opened_at), changed_by = ?6
WHERE account_id = (
    SELECT caller.account_id FROM tokens AS caller
    WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  )
  AND id = ?7
  AND NOT EXISTS (
    SELECT 1 FROM idempotency_keys AS keys -- PRIMARY KEY (account_id, key)
    WHERE keys.account_id = conversations.account_id AND keys.key = ?4 AND keys.expires_at > ?2
  )";

/// The message just added.
const CREATED: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT tag || char(9) || object FROM messages INDEXED BY messages_by_id
    WHERE account_id = caller.account_id AND id = +?6
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = +?1 AND caller.valid_until > ?2";

/// The statements of a creation; the answer is tag, TAB, the object, nothing where there was no such conversation.
pub fn create(
    identity: &Identity,
    conversation_id: &Id,
    contact_id: Option<Reference>,
    message: Text,
) -> ([Statement; 2], Statement) {
    let touch: [Parameter; 2] = [conversation_id.to_string().into(), contact_id.map(|id| id.to_string()).into()];
    let insert = touch.clone().into_iter().chain([message.to_string().into()]);
    ([identity.statement(INSERT, insert), identity.statement(TOUCH, touch)], identity.statement(CREATED, []))
}

/// One message. `?4` its id.
const RETRIEVE: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT tag || char(9) || object FROM messages INDEXED BY messages_by_id
    WHERE account_id = caller.account_id AND id = ?4
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// The statement of a retrieval; the answer is its tag, TAB, the object.
pub fn retrieve(id: &Id) -> Statement {
    Statement::new(RETRIEVE, [id.to_string().into()])
}

/// Changes the attributes that were sent and no others, unless somebody was faster than a caller who minds.
/// `?4` the id, `?5` the request's id, `?6` the tags that it may have, or null, `?7` the text, `?8` `?9` read_at sent and
/// its value.
const UPDATE: &str = "\
UPDATE messages INDEXED BY messages_by_id
SET
  message = coalesce(?7, message),
  read_at = iif(?8, ?9, read_at),
  updated_at = ?2,
  changed_by = ?5
WHERE account_id = (
    SELECT caller.account_id FROM tokens AS caller
    WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  )
  AND id = ?4
  AND (?6 IS NULL OR instr(?6, '\"' || tag || '\"'))";

/// The message after an update, and what became of that. `?4` the id, `?5` the request's id.
const UPDATED: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT iif(changed_by = ?5, 'updated', 'outdated') || char(9) || tag || char(9) || object
    FROM messages INDEXED BY messages_by_id
    WHERE account_id = caller.account_id AND id = ?4
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// The statements of an update; the answer is `updated` or `outdated`, TAB, tag, TAB, the object.
pub fn update(
    id: &Id,
    request_id: &Id,
    condition: &Condition,
    message: Option<Text>,
    read_at: Field<Timestamp>,
) -> (Statement, Statement) {
    let subject: [Parameter; 2] = [id.to_string().into(), request_id.to_string().into()];
    let changes: [Parameter; 4] = [
        condition.parameter(),
        message.map(|text| text.to_string()).into(),
        read_at.is_sent().into(),
        read_at.value().map(Timestamp::seconds).into(),
    ];
    (Statement::new(UPDATE, [subject.as_slice(), &changes].concat()), Statement::new(UPDATED, subject))
}

/// What a deletion will find. `?4` the id, `?5` the tags that it may have, or null.
const FOUND: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT iif(?5 IS NULL OR instr(?5, '\"' || tag || '\"'), 'deleted', 'outdated') || char(9) || tag || char(9)
    FROM messages INDEXED BY messages_by_id
    WHERE account_id = caller.account_id AND id = ?4
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// Deletes a message; where it was pinned, the trigger `messages_unpin` lets go of it first. `?4` and `?5` as for what it
/// will find.
const DELETE: &str = "\
DELETE FROM messages INDEXED BY messages_by_id
WHERE account_id = (
    SELECT caller.account_id FROM tokens AS caller
    WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  )
  AND id = ?4
  AND (?5 IS NULL OR instr(?5, '\"' || tag || '\"'))";

/// The statements of a deletion; the answer is `deleted` or `outdated`, TAB, tag, TAB.
pub fn delete(id: &Id, condition: &Condition) -> (Statement, Statement) {
    let parameters = [id.to_string().into(), condition.parameter()];
    (Statement::new(FOUND, parameters.clone()), Statement::new(DELETE, parameters))
}
