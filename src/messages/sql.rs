//! The SQL of messages, each statement whole but for the caller ([`as_caller!`]), with the index it rides on.
//! What `?1` to `?3` and the columns of an answer are: `query.rs`.

use crate::{
    http::conditions::Condition,
    id::Id,
    idempotency::{Identity, unless_replayed},
    input::values::Timestamp,
    messages::input::{Create, Update},
    paging::Paging,
    query::{Parameter, Statement, answer, as_caller},
};

/// A page of messages, of the account or of one conversation. With `ending_before` the rows come in reverse. Reads
/// limit + 2 rows at most. `?4` the rows wanted, `?5` the position, `?6` the conversation.
pub fn list(paging: &Paging, conversation_id: Option<&Id>) -> Statement {
    let (index, narrow) = match conversation_id {
        None => ("INDEXED BY messages_by_id", "?6 IS NULL"),
        Some(_) => ("-- PRIMARY KEY (account_id, conversation_id, id)", "found.conversation_id = +?6"),
    };
    let (past, order) = paging.direction();
    let sql = format!(
        answer!(
            "found.id AS position, found.object",
            "LEFT JOIN messages AS found {index}
  ON found.account_id = caller.account_id AND {narrow} AND found.id {past} ?5
ORDER BY found.id {order} LIMIT +?4"
        ),
        index = index,
        narrow = narrow,
        past = past,
        order = order,
    );
    let conversation_id = conversation_id.map(Id::as_str);
    Statement::new(sql, [paging.limit.and_one_more().into(), paging.position().into(), conversation_id.into()])
}

// A creation: `?4` to `?6` are the request's identity (idempotency.rs), its id the new object's. `?7` the conversation,
// `?8` who sent the message, `?9` the text.

/// Adds a message to a conversation, if that exists.
const INSERT: &str = as_caller!(concat!(
    "
INSERT INTO messages (account_id, conversation_id, id, contact_id, message, created_at)
SELECT conversation.account_id, conversation.id, ?6, ?8, ?9, ?2
FROM caller
JOIN conversations AS conversation -- PRIMARY KEY (account_id, id)
  ON conversation.account_id = caller.account_id AND conversation.id = +?7
WHERE ",
    unless_replayed!("caller.account_id")
));

/// Marks the conversation active now. A message of the account's own also opens it.
const TOUCH: &str = as_caller!(concat!(
    "
UPDATE conversations -- PRIMARY KEY (account_id, id)
SET last_active_at = ?2, last_opened_at = iif(?8 IS NULL, ?2, last_opened_at), changed_by = ?6
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?7
  AND ",
    unless_replayed!("conversations.account_id")
));

/// The message just added.
const CREATED: &str = answer!(
    "NULL AS outcome, found.id AS position, found.tag, found.object",
    "LEFT JOIN messages AS found INDEXED BY messages_by_id
  ON found.account_id = caller.account_id AND found.id = +?6"
);

/// The statements of a creation. Without such a conversation no row is found.
pub fn create(identity: &Identity, message: Create) -> ([Statement; 2], Statement) {
    let touch: [Parameter; 2] =
        [message.conversation_id.as_str().into(), message.contact_id.value().map(|id| id.to_string()).into()];
    let insert = touch.clone().into_iter().chain([message.message.to_string().into()]);
    ([identity.statement(INSERT, insert), identity.statement(TOUCH, touch)], identity.statement(CREATED, []))
}

/// One message. `?4` its id.
const RETRIEVE: &str = answer!(
    "found.id AS position, found.tag, found.object",
    "LEFT JOIN messages AS found INDEXED BY messages_by_id
  ON found.account_id = caller.account_id AND found.id = +?4"
);

/// The statement of a retrieval.
pub fn retrieve(id: &Id) -> Statement {
    Statement::new(RETRIEVE, [id.as_str().into()])
}

/// Changes the attributes that were sent and no others, unless `If-Match` does not match. `?4` the id, `?5` the
/// request's id, `?6` the tags of `If-Match` or null, `?7` the text, `?8` `?9` read_at sent and its value.
const UPDATE: &str = as_caller!(
    "
UPDATE messages INDEXED BY messages_by_id
SET
  message = coalesce(?7, message),
  read_at = iif(?8, ?9, read_at),
  updated_at = ?2,
  changed_by = ?5
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?4
  AND (?6 IS NULL OR instr(?6, '\"' || tag || '\"'))"
);

/// The message after an update, and what became of that. `?4` the id, `?5` the request's id.
const UPDATED: &str = answer!(
    "iif(found.changed_by = +?5, 'updated', 'outdated') AS outcome, found.id AS position, found.tag, found.object",
    "LEFT JOIN messages AS found INDEXED BY messages_by_id
  ON found.account_id = caller.account_id AND found.id = +?4"
);

/// The statements of an update. The outcome is `updated` or `outdated`.
pub fn update(id: &Id, request_id: &Id, if_match: &Condition, changes: Update) -> (Statement, Statement) {
    let subject: [Parameter; 2] = [id.as_str().into(), request_id.as_str().into()];
    let attributes: [Parameter; 4] = [
        if_match.tags().into(),
        changes.message.map(|text| text.to_string()).into(),
        changes.read_at.is_sent().into(),
        changes.read_at.value().map(Timestamp::seconds).into(),
    ];
    (Statement::new(UPDATE, [subject.as_slice(), &attributes].concat()), Statement::new(UPDATED, subject))
}

/// What a deletion will find. `?4` the id, `?5` the tags of `If-Match` or null.
const FOUND: &str = answer!(
    "iif(?5 IS NULL OR instr(?5, '\"' || found.tag || '\"'), 'deleted', 'outdated') AS outcome, found.tag",
    "LEFT JOIN messages AS found INDEXED BY messages_by_id
  ON found.account_id = caller.account_id AND found.id = +?4"
);

/// Deletes a message. Where it was pinned, the trigger `messages_unpin` unpins it first. `?4` and `?5` as above.
const DELETE: &str = as_caller!(
    "
DELETE FROM messages INDEXED BY messages_by_id
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?4
  AND (?5 IS NULL OR instr(?5, '\"' || tag || '\"'))"
);

/// The statements of a deletion. The outcome is `deleted` or `outdated`.
pub fn delete(id: &Id, if_match: &Condition) -> (Statement, Statement) {
    let parameters: [Parameter; 2] = [id.as_str().into(), if_match.tags().into()];
    (Statement::new(FOUND, parameters.clone()), Statement::new(DELETE, parameters))
}
