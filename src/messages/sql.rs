//! The SQL of messages, each statement whole but for the caller ([`as_caller!`]), with the index it rides on.
//! What `?1`, `?2` and the columns of an answer are: `query.rs`.

use crate::{
    changes::{log_deletion, logged},
    clock::{base62, newest_id, next_ms},
    http::conditions::Condition,
    id::Id,
    idempotency::{Identity, unless_replayed},
    input::values::Timestamp,
    messages::input::{Create, Update},
    paging::{MAX_LOOKED_AT, Paging, Period, span, total_count},
    query::{Parameter, Statement, answer, as_caller},
    removal::visible,
};

/// A page of messages, of the account or of one conversation. With `ending_before` the rows come in reverse. `?3` the
/// rows wanted, `?4` the position, `?5` the conversation. Of a period `?6` to `?9` are its parameters.
pub fn list(paging: &Paging, conversation_id: Option<&Id>, period: &Period, with_count: bool) -> Statement {
    let is_of_period = !period.is_all();
    let count = if with_count { count(conversation_id.is_some(), is_of_period) } else { String::new() };
    let sql = match (conversation_id, is_of_period) {
        (None, false) => list_all(paging, &count),
        (Some(_), false) => list_of_conversation(paging, &count),
        (_, true) => list_of_period(paging, conversation_id.is_some(), &count),
    };
    let conversation_id = conversation_id.map(Id::as_str);
    let mut parameters: Vec<Parameter> =
        vec![paging.limit.and_one_more().into(), paging.position().into(), conversation_id.into()];
    if is_of_period {
        parameters.extend(period.parameters());
    }
    Statement::new(sql, parameters)
}

/// Reads limit + 2 rows at most.
fn list_of_conversation(paging: &Paging, count: &str) -> String {
    let (past, order) = paging.direction();
    format!(
        answer!(
            "found.id AS position, found.object{count}",
            concat!(
                "LEFT JOIN messages AS found -- PRIMARY KEY (account_id, conversation_id, id)
  ON found.account_id = caller.account_id AND found.conversation_id = +?5 AND found.id {past} ?4
  AND ",
                visible!("found"),
                "
ORDER BY found.id {order} LIMIT +?3"
            )
        ),
        count = count,
        past = past,
        order = order,
    )
}

/// Reads 2 * limit + 6 rows at most, as long as no conversation is being removed. While one is, there can be any number
/// of messages to pass over: then this looks at twenty thousand of them and says where to resume. The index tells which
/// ones to pass over: in the table they may be long.
fn list_all(paging: &Paging, count: &str) -> String {
    let (past, order) = paging.direction();
    // `{` is greater than any position.
    let (until, end) = if past == "<" { (">=", "") } else { ("<=", "{") };
    format!(
        as_caller!(concat!(
            ",
bound (id) AS (
  SELECT passed.id FROM caller
  JOIN messages AS passed INDEXED BY messages_by_id
    ON passed.account_id = caller.account_id AND passed.id {past} ?4
  WHERE EXISTS (
    SELECT 1 FROM conversations AS removed INDEXED BY conversations_removed
    WHERE removed.account_id = caller.account_id AND removed.is_removed
  )
  ORDER BY passed.id {order} LIMIT 1 OFFSET 19999
),
page (account_id, token, conversation_id, id) AS (
  SELECT caller.account_id, caller.token, shown.conversation_id, shown.id
  FROM caller
  LEFT JOIN messages AS shown INDEXED BY messages_by_id
    ON shown.account_id = caller.account_id AND ?5 IS NULL
    AND shown.id {past} ?4 AND shown.id {until} coalesce((SELECT id FROM bound), '{end}')
    AND ",
            visible!("shown"),
            "
  ORDER BY shown.id {order} LIMIT +?3
)
SELECT page.account_id AS account, page.token, found.id AS position, found.object,
  (SELECT id FROM bound) AS resume{count}
FROM page
LEFT JOIN messages AS found -- PRIMARY KEY (account_id, conversation_id, id)
  ON found.account_id = page.account_id AND found.conversation_id = page.conversation_id AND found.id = page.id"
        )),
        past = past,
        order = order,
        until = until,
        end = end,
        count = count,
    )
}

/// The common table expression of a list of a period.
const SPAN: &str = span!("messages", "?8", "?9");

/// A page of a period, which is a range of the index. Reads 2 * limit + 10 rows at most. Only where ids don't tell when
/// messages were created, or while a conversation is being removed, there are others in the range: then this looks at
/// [`MAX_LOOKED_AT`] messages, and the list goes on behind them. So it reads 2 * limit + 1000 rows at most. The time
/// of a message is in the table, behind its text: it is read only where the id does not tell it.
fn list_of_period(paging: &Paging, of_conversation: bool, count: &str) -> String {
    let (past, order) = paging.direction();
    let (first, before, end, bounded) = match past {
        "<" => ("min(?4, span.high)", ">=", "span.low", "max"),
        _ => ("max(?4, span.low)", "<=", "span.high", "min"),
    };
    let (index, narrow) = match of_conversation {
        true => ("-- PRIMARY KEY (account_id, conversation_id, id)", "conversation_id = +?5"),
        false => ("INDEXED BY messages_by_id", "?5 IS NULL"),
    };
    format!(
        as_caller!(concat!(
            "{span},
bound (id) AS (
  SELECT passed.id FROM span
  JOIN messages AS passed {index}
    ON passed.account_id = span.account_id AND {narrow}
    AND passed.id {past} {first} AND passed.id {before} {end}
  WHERE span.low = '' OR EXISTS (
    SELECT 1 FROM conversations AS removed INDEXED BY conversations_removed
    WHERE removed.account_id = span.account_id AND removed.is_removed
  )
  ORDER BY passed.id {order} LIMIT 1 OFFSET {max_looked_at} - 1
),
page (account_id, token, conversation_id, id) AS (
  SELECT span.account_id, span.token, shown.conversation_id, shown.id
  FROM span
  LEFT JOIN messages AS shown {index}
    ON shown.account_id = span.account_id AND {narrow}
    AND shown.id {past} {first} AND shown.id {before} {bounded}({end}, coalesce((SELECT id FROM bound), {end}))
    AND (span.low <> '' OR (shown.created_at >= ?6 AND shown.created_at < ?7))
    AND ",
            visible!("shown"),
            "
  ORDER BY shown.id {order} LIMIT +?3
)
SELECT page.account_id AS account, page.token, found.id AS position, found.object,
  (SELECT id FROM bound) AS stopped{count}
FROM page
LEFT JOIN messages AS found -- PRIMARY KEY (account_id, conversation_id, id)
  ON found.account_id = page.account_id AND found.conversation_id = page.conversation_id AND found.id = page.id"
        )),
        span = SPAN,
        index = index,
        narrow = narrow,
        past = past,
        first = first,
        before = before,
        end = end,
        bounded = bounded,
        max_looked_at = MAX_LOOKED_AT,
        order = order,
        count = count,
    )
}

/// The column of the count: how many messages a list has. Reads 1003 rows at most. Messages that are being removed are
/// looked at, and not counted.
fn count(of_conversation: bool, is_of_period: bool) -> String {
    let (index, which) = match of_conversation {
        true => ("-- PRIMARY KEY (account_id, conversation_id, id)", "counted.conversation_id = +?5"),
        false => ("INDEXED BY messages_by_id", "?5 IS NULL"),
    };
    let (source, created, span) = match is_of_period {
        true => (
            "span",
            " AND (span.low <> '' OR (counted.created_at >= ?6 AND counted.created_at < ?7))",
            " AND counted.id > span.low AND counted.id < span.high",
        ),
        false => ("caller", "", ""),
    };
    format!(
        total_count!(concat!(
            "SELECT ",
            visible!("counted"),
            "{created} AS matches
      FROM {source}
      JOIN messages AS counted {index}
        ON counted.account_id = {source}.account_id AND {which}{span}"
        )),
        created = created,
        source = source,
        index = index,
        which = which,
        span = span,
    )
}

// A creation: `?3` to `?5` are the request's identity (idempotency.rs). `?6` the conversation, `?7` who sent the
// message.

/// Marks the conversation active now, which is later than any message of the account, and than the last opening: so of
/// two messages the later one counts as later, even in the same millisecond. A message of the account's own also opens
/// the conversation, one of a contact makes it unread.
const TOUCH: &str = as_caller!(concat!(
    base62!(),
    "
UPDATE conversations -- PRIMARY KEY (account_id, id)
SET
  (last_active_ms, last_opened_ms, last_received_ms) = (
    SELECT ms, iif(?7 IS NULL, ms, last_opened_ms), iif(?7 IS NULL, last_received_ms, ms)
    FROM (
      SELECT max(
        ",
    next_ms!(newest_id!(message of "conversations.account_id")),
    ",
        coalesce(last_active_ms + 1, 0),
        coalesce(last_opened_ms + 1, 0)
      ) AS ms
      FROM base62
      LIMIT 1 -- So `ms` is computed once, as in `moment!`.
    )
  ),
  changed_by = +?5
WHERE account_id = (SELECT account_id FROM caller WHERE NOT is_full)
  AND id = +?6
  AND NOT is_removed
  AND ",
    unless_replayed!("conversations.account_id")
));

/// Whether the conversation was marked by this request.
macro_rules! touched {
    () => {
        "(
    SELECT changed_by FROM conversations -- PRIMARY KEY (account_id, id)
    WHERE conversations.account_id = tokens.account_id AND conversations.id = +?6
  ) = +?5"
    };
}

/// Adds the message to the conversation that was marked, at the time of the mark. `?8` the text.
const INSERT: &str = as_caller!(
    after touched!(),
    concat!(
        "
INSERT INTO messages (account_id, conversation_id, id, contact_id, message, created_at, changed_by)
SELECT
  conversation.account_id, conversation.id, substr(conversation.activity, 1, 7) || substr(?5, 8), ?7, ?8,
  conversation.last_active_ms / 1000, ?5
FROM caller
JOIN conversations AS conversation -- PRIMARY KEY (account_id, id)
  ON conversation.account_id = caller.account_id AND conversation.id = +?6
WHERE conversation.changed_by = +?5
  AND ",
        unless_replayed!("caller.account_id")
    )
);

/// The message just added: the conversation's newest, if its id ends like the request's. The condition stands in the
/// columns: in the join SQLite would search the whole conversation for a message that was not added.
const CREATED: &str = answer!(
    after touched!(),
    "caller.scopes, caller.is_watched,
  iif(caller.is_full, 'full', NULL) AS outcome,
  iif(substr(found.id, 8) = substr(?5, 8), found.id, NULL) AS position,
  iif(substr(found.id, 8) = substr(?5, 8), found.tag, NULL) AS tag,
  iif(substr(found.id, 8) = substr(?5, 8), found.object, NULL) AS object",
    "LEFT JOIN messages AS found -- PRIMARY KEY (account_id, conversation_id, id)
  ON found.account_id = caller.account_id AND found.conversation_id = +?6
ORDER BY found.id DESC LIMIT 1"
);

/// The statements of a creation. Without such a conversation no row is found.
pub fn create(identity: &Identity, message: Create) -> ([Statement; 2], Statement) {
    let id: Parameter = message.conversation_id.as_str().into();
    let sender: Parameter = message.contact_id.value().map(|id| id.to_string()).into();
    let text: Parameter = message.message.to_string().into();
    let touch = identity.statement(TOUCH, [id.clone(), sender.clone()]);
    let insert = identity.statement(INSERT, [id.clone(), sender, text]);
    ([touch, insert], identity.statement(CREATED, [id]))
}

/// One message. `?3` its id.
const RETRIEVE: &str = answer!(
    "caller.scopes, found.id AS position, found.tag, found.object",
    concat!(
        "LEFT JOIN messages AS found INDEXED BY messages_by_id
  ON found.account_id = caller.account_id AND found.id = +?3 AND ",
        visible!("found")
    )
);

/// The statement of a retrieval.
pub fn retrieve(id: &Id) -> Statement {
    Statement::new(RETRIEVE, [id.as_str().into()])
}

/// Changes the attributes that were sent and no others, unless `If-Match` does not match, or all of them have these
/// values already. `?3` the id, `?4` the request's id, `?5` the tags of `If-Match` or null, `?6` the text, `?7` `?8`
/// read_at sent and its value.
const UPDATE: &str = as_caller!(concat!(
    "
UPDATE messages INDEXED BY messages_by_id
SET
  message = coalesce(?6, message),
  read_at = iif(?7, ?8, read_at),
  updated_at = max(unixepoch(), created_at, coalesce(updated_at, 0)),
  changed_by = ?4
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?3
  AND (?5 IS NULL OR instr(?5, '\"' || tag || '\"'))
  AND (message, read_at) IS NOT (coalesce(?6, message), iif(?7, ?8, read_at))
  AND ",
    visible!("messages")
));

/// The message after an update, and what became of that. `?3` the id, `?4` the request's id, `?5` the tags of
/// `If-Match` or null.
const UPDATED: &str = answer!(
    after "(
    SELECT changed_by FROM messages INDEXED BY messages_by_id
    WHERE messages.account_id = tokens.account_id AND messages.id = +?3
  ) = +?4",
    "caller.scopes, caller.is_watched,
  CASE
    WHEN found.changed_by = +?4 THEN 'updated'
    WHEN NOT instr(?5, '\"' || found.tag || '\"') THEN 'outdated'
    ELSE 'unchanged'
  END AS outcome,
  found.id AS position, found.tag, found.object",
    concat!(
        "LEFT JOIN messages AS found INDEXED BY messages_by_id
  ON found.account_id = caller.account_id AND found.id = +?3 AND ",
        visible!("found")
    )
);

/// The statements of an update. The outcome is `updated`, `unchanged` or `outdated`.
pub fn update(id: &Id, request_id: &Id, if_match: &Condition, changes: Update) -> [Statement; 2] {
    let subject: [Parameter; 3] = [id.as_str().into(), request_id.as_str().into(), if_match.tags().into()];
    let attributes: [Parameter; 3] = [
        changes.message.map(|text| text.to_string()).into(),
        changes.read_at.is_sent().into(),
        changes.read_at.value().map(Timestamp::seconds).into(),
    ];
    [Statement::new(UPDATE, [subject.as_slice(), &attributes].concat()), Statement::new(UPDATED, subject)]
}

// A deletion. `?3` the id, `?4` the tags of `If-Match` or null, `?5` the request's id.

/// Logs the deletion, which deletes the message. Reads the message itself only where there is a tag to compare.
const DELETE: &str = log_deletion!(
    "found.conversation_id, found.id",
    "JOIN messages AS found INDEXED BY messages_by_id
  ON found.account_id = caller.account_id AND found.id = +?3",
    concat!(
        "(?4 IS NULL OR EXISTS (
    SELECT 1 FROM messages AS tagged -- PRIMARY KEY (account_id, conversation_id, id)
    WHERE tagged.account_id = found.account_id AND tagged.conversation_id = found.conversation_id
      AND tagged.id = found.id AND instr(?4, '\"' || tagged.tag || '\"')
  ))
  AND ",
        visible!("found")
    )
);

/// What became of the message.
const DELETED: &str = answer!(
    after logged!("tokens.account_id"),
    concat!("caller.is_watched, iif(", logged!("caller.account_id"), ", 'deleted', NULL) AS outcome, found.tag"),
    concat!(
        "LEFT JOIN messages AS found INDEXED BY messages_by_id
  ON found.account_id = caller.account_id AND found.id = +?3 AND ",
        visible!("found")
    )
);

/// The statements of a deletion. The outcome is `deleted`, or null.
pub fn delete(id: &Id, request_id: &Id, if_match: &Condition) -> [Statement; 2] {
    let parameters: [Parameter; 3] = [id.as_str().into(), if_match.tags().into(), request_id.as_str().into()];
    [DELETE, DELETED].map(|sql| Statement::new(sql, parameters.clone()))
}
