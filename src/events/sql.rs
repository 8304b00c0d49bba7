//! The SQL that reads the log, whole but for the caller ([`as_caller!`]), with the index it rides on. What `?1`, `?2`
//! and the columns of an answer are: `query.rs`. What writes the log: `changes.rs`.

use crate::{
    events::input::Start,
    paging::Limit,
    query::{Parameter, Statement, as_caller},
};

/// The id of an event (`Position` in `input.rs`).
macro_rules! id {
    () => {
        "printf('%09x', seq) || coalesce(substr(request_id, 10), '0000000')"
    };
}
pub(crate) use id;

/// The type of an event. Not of the row with the number 0, which is no event.
macro_rules! kind {
    () => {
        "iif(message_id IS NULL, 'conversation.', 'message.') || change"
    };
}
pub(crate) use kind;

/// An event as the API shows it. `page` has its columns, and the `scopes` of the caller.
macro_rules! object {
    () => {
        "json_object(
      'id', page.id,
      'type', page.type,
      'created_at', page.created_at,
      'conversation_id', page.conversation_id,
      'message_id', page.message_id,
      'request_id', page.request_id,
      'conversation', json(iif(page.scopes & 1, conversation.object, NULL)),
      'message', json(iif(page.scopes & 4, message.object, NULL))
    )"
    };
}
pub(crate) use object;

/// The objects of the events in `page` as they are now. Reads two rows at most for each event that `is_shown`.
macro_rules! join_objects {
    () => {
        "
LEFT JOIN conversations AS conversation -- PRIMARY KEY (account_id, id)
  ON page.is_shown AND conversation.account_id = page.account_id AND conversation.id = page.conversation_id
  AND NOT conversation.is_removed
LEFT JOIN messages AS message -- PRIMARY KEY (account_id, conversation_id, id)
  ON message.account_id = page.account_id AND message.conversation_id = conversation.id
  AND message.id = page.message_id"
    };
}
pub(crate) use join_objects;

/// A page of events, oldest first, each with the objects as they are now. The event of the position comes first,
/// without an object: it tells whether the position is one of this log. The outcome is `expired` when it is not. `tag`
/// begins with the id of the newest event: nothing that a page shows changes without a new one. Reads 3 * limit + 8
/// rows at most. `?3` the rows wanted, `?4` the number of the first event, `?5` the id of the position or null.
const PAGE: &str = as_caller!(concat!(
    ",
page (account_id, token, scopes, seq, id, type, created_at, conversation_id, message_id, request_id, is_shown) AS (
  SELECT
    caller.account_id, caller.token, caller.scopes, seq, ",
    id!(),
    ",
    ",
    kind!(),
    ",
    created_at, conversation_id, message_id, request_id, ?5 IS NULL OR seq > +?4
  FROM caller
  LEFT JOIN events AS event -- PRIMARY KEY (account_id, seq)
    ON event.account_id = caller.account_id AND event.seq >= +?4
  ORDER BY event.seq LIMIT +?3
)
SELECT
  page.account_id AS account,
  page.token,
  CASE
    WHEN ?5 IS NULL OR page.id = +?5 OR page.seq = +?4 + 1 THEN NULL
    WHEN ?5 = '0000000000000000' AND page.seq IS NULL THEN NULL
    ELSE 'expired'
  END AS outcome,
  coalesce(
    (
      SELECT ",
    id!(),
    " FROM events -- PRIMARY KEY (account_id, seq)
      WHERE events.account_id = (SELECT account_id FROM caller)
      ORDER BY seq DESC LIMIT 1
    ),
    '0000000000000000'
  ) || printf('-%x-%x', coalesce(page.seq, 0), page.scopes) AS tag,
  page.id AS position,
  page.type,
  iif(
    page.is_shown AND page.seq IS NOT NULL,
    ",
    object!(),
    ",
    NULL
  ) AS object
FROM page",
    join_objects!()
));

/// A number that no event has: D1 takes whole numbers of 53 bits.
const BEYOND_ALL: i64 = (1 << 53) - 1;

/// The statement of a page. `start` is None for the oldest event that is kept.
pub fn page(start: Option<&Start>, limit: Limit) -> Statement {
    let (seq, id): (i64, Parameter) = match start {
        None => (1, Parameter::Null),
        Some(Start::Now) => (BEYOND_ALL, Parameter::Null),
        Some(Start::After(position)) => (position.seq, position.id.as_str().into()),
    };
    // One more for the event of the position.
    Statement::new(PAGE, [(limit.and_one_more() + 1).into(), seq.into(), id])
}
