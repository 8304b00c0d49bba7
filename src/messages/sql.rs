//! The SQL of messages, each statement whole, with the index it rides on. Pure.
//! What `?1` to `?3` are, and what an answer is, `call.rs` says.

use crate::{
    attributes::Field,
    call::{Parameter, Statement},
    id::Id,
    page::Paging,
    values::{Reference, Text, Timestamp},
};

// `{PAST}` and `{ORDER}` are the direction of travel.

/// A page of all messages of the account. Reads limit + 2 rows at most. `?4` the rows wanted, `?5` the position.
const LIST: &str = "\
SELECT
  caller.scopes & ?3 AS allowed,
  iif(caller.scopes & ?3, (
    SELECT group_concat(id || char(9) || object, char(10))
    FROM (
      SELECT id, object FROM messages INDEXED BY messages_by_id
      WHERE account_id = caller.account_id AND id {PAST} ?5
      ORDER BY id {ORDER} LIMIT ?4
    )
  ), NULL) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// A page of one conversation's messages. Reads limit + 2 rows at most.
/// `?4` the rows wanted, `?5` the position, `?6` the conversation.
const LIST_OF_CONVERSATION: &str = "\
SELECT
  caller.scopes & ?3 AS allowed,
  iif(caller.scopes & ?3, (
    SELECT group_concat(id || char(9) || object, char(10))
    FROM (
      SELECT id, object FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
      WHERE account_id = caller.account_id AND conversation_id = ?6 AND id {PAST} ?5
      ORDER BY id {ORDER} LIMIT ?4
    )
  ), NULL) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// A page of messages; `ending_before` walks the other way and the page is turned round afterwards.
pub fn list(paging: &Paging, conversation_id: Option<&Id>) -> Statement {
    let template = if conversation_id.is_some() { LIST_OF_CONVERSATION } else { LIST };
    let (past, order) = paging.direction();
    let mut parameters: Vec<Parameter> = vec![paging.limit.and_one_more().into(), paging.position().into()];
    parameters.extend(conversation_id.map(|id| id.to_string().into()));
    Statement::filled(template, &[("{PAST}", past), ("{ORDER}", order)], parameters)
}

/// Adds a message to a conversation that is there; to one that isn't, nothing.
/// `?4` its id, `?5` the conversation, `?6` who sent it, `?7` the text.
const INSERT: &str = "\
INSERT INTO messages (account_id, conversation_id, id, contact_id, message, created_at)
SELECT conversation.account_id, conversation.id, ?4, ?6, ?7, ?2
FROM tokens AS caller
JOIN conversations AS conversation -- PRIMARY KEY (account_id, id)
  ON conversation.account_id = caller.account_id AND conversation.id = ?5
WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3";

/// Marks the conversation active now; a message of the account's own also opens it.
/// `?4` the conversation, `?5` who sent the message.
const TOUCH: &str = "\
UPDATE conversations -- PRIMARY KEY (account_id, id)
SET last_active_at = ?2, last_opened_at = iif(?5 IS NULL, ?2, last_opened_at)
WHERE account_id = (
    SELECT caller.account_id FROM tokens AS caller
    WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  )
  AND id = ?4";

/// The statements of a creation; the answer is the object, nothing where there was no such conversation.
pub fn create(
    id: &Id,
    conversation_id: &Id,
    contact_id: Option<Reference>,
    message: Text,
) -> ([Statement; 2], Statement) {
    let conversation_id: Parameter = conversation_id.to_string().into();
    let contact_id: Parameter = contact_id.map(|id| id.to_string()).into();
    let insert = [id.to_string().into(), conversation_id.clone(), contact_id.clone(), message.to_string().into()];
    ([Statement::new(INSERT, insert), Statement::new(TOUCH, [conversation_id, contact_id])], retrieve(id))
}

/// One message. `?4` its id.
const RETRIEVE: &str = "\
SELECT
  caller.scopes & ?3 AS allowed,
  (
    SELECT object FROM messages INDEXED BY messages_by_id
    WHERE account_id = caller.account_id AND id = ?4
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// The statement of a retrieval; the answer is the object.
pub fn retrieve(id: &Id) -> Statement {
    Statement::new(RETRIEVE, [id.to_string().into()])
}

/// Changes the attributes that were sent and no others. `?4` the id, `?5` the text, `?6` `?7` read_at sent and its value.
const UPDATE: &str = "\
UPDATE messages INDEXED BY messages_by_id
SET
  message = coalesce(?5, message),
  read_at = iif(?6, ?7, read_at),
  updated_at = ?2
WHERE account_id = (
    SELECT caller.account_id FROM tokens AS caller
    WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  )
  AND id = ?4";

/// The statement of an update.
pub fn update(id: &Id, message: Option<Text>, read_at: Field<Timestamp>) -> Statement {
    let message = message.map(|text| text.to_string());
    let read_at = [read_at.is_sent().into(), read_at.value().map(Timestamp::seconds).into()];
    let parameters: Vec<Parameter> = [id.to_string().into(), message.into()].into_iter().chain(read_at).collect();
    Statement::new(UPDATE, parameters)
}

/// Whether the message is there. `?4` its id.
const EXISTS: &str = "\
SELECT
  caller.scopes & ?3 AS allowed,
  (
    SELECT id FROM messages INDEXED BY messages_by_id
    WHERE account_id = caller.account_id AND id = ?4
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// Deletes a message; where it was pinned, the trigger `messages_unpin` lets go of it first. `?4` its id.
const DELETE: &str = "\
DELETE FROM messages INDEXED BY messages_by_id
WHERE account_id = (
    SELECT caller.account_id FROM tokens AS caller
    WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  )
  AND id = ?4";

/// The statements of a deletion; the answer is the id.
pub fn delete(id: &Id) -> (Statement, Statement) {
    let id: Parameter = id.to_string().into();
    (Statement::new(EXISTS, [id.clone()]), Statement::new(DELETE, [id]))
}
