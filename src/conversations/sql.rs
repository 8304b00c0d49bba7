//! The SQL of conversations, each statement whole but for the caller ([`as_caller!`]), with the index it rides on.
//! What `?1`, `?2` and the columns of an answer are: `query.rs`.

use crate::{
    changes::{log_deletion, logged},
    clock::{moment, new_id, newest_id, now_ms},
    conversations::input::{Filter, Flags, Sort, Update},
    http::conditions::Condition,
    id::Id,
    idempotency::{Identity, unless_replayed},
    input::values::{Reference, Timestamp},
    paging::Paging,
    query::{Parameter, Statement, answer, as_caller},
    removal::delete_messages,
};

// A list has three shapes. What can't be a parameter stands in braces: `{position}` is the column of the order,
// `{past}` and `{order}` the direction of travel, `{narrow}` the condition of the group or the contact, `{states}` the
// values of `inbox_state` that the flags allow. `?3` are the rows wanted, `?4` the position, `?5` the contact, `?6` the
// group. The rows read don't include those of conversations that are being removed.

/// In the order of an index, all states: one range. Reads limit + 2 rows at most.
fn list_all(index: &str, narrow: &str, past: &str, order: &str) -> String {
    format!(
        answer!(
            "found.id AS position, found.object",
            "LEFT JOIN conversations AS found {index}
  ON found.account_id = caller.account_id AND {narrow} AND found.id {past} ?4
  AND NOT found.is_removed
ORDER BY found.id {order} LIMIT +?3"
        ),
        index = index,
        narrow = narrow,
        past = past,
        order = order,
    )
}

/// The states of a filter, of the account or of a group: each is a range of the index, and the recursion is their
/// merge. Its queue holds the next row of every range. What comes out first is the next row of the page, and the one
/// behind it in its range goes in. A row is one text, the position and then the object: a subquery gives one column.
/// Reads 2 * limit + 18 rows at most.
fn list_merged(sort: Sort, of_group: bool, narrow: &str, states: &str, past: &str, order: &str) -> String {
    let (position, width) = sort.position();
    let index = match (sort, of_group) {
        (Sort::CreatedAt, false) => "conversations_by_inbox",
        (Sort::CreatedAt, true) => "conversations_by_group_inbox",
        (Sort::LastActiveAt, false) => "conversations_by_activity",
        (Sort::LastActiveAt, true) => "conversations_by_group_activity",
    };
    format!(
        as_caller!(
            ",
merged (account, token, state, line) AS (
  SELECT caller.account_id, caller.token, column1, (
    SELECT found.{position} || object FROM conversations AS found INDEXED BY {index}
    WHERE found.account_id = caller.account_id AND {narrow} AND inbox_state = column1
      AND found.{position} {past} ?4 AND NOT found.is_removed
    ORDER BY found.{position} {order} LIMIT 1
  )
  FROM caller JOIN ({states})
  UNION ALL
  SELECT account, token, state, (
    SELECT found.{position} || object FROM conversations AS found INDEXED BY {index}
    WHERE found.account_id = merged.account AND {narrow} AND inbox_state = merged.state
      AND found.{position} {past} substr(merged.line, 1, {width}) AND NOT found.is_removed
    ORDER BY found.{position} {order} LIMIT 1
  )
  FROM merged WHERE line IS NOT NULL
  ORDER BY 4 {order} NULLS LAST
  LIMIT +?3
)
SELECT account, token, substr(line, 1, {width}) AS position, substr(line, {width} + 1) AS object FROM merged"
        ),
        position = position,
        width = width,
        index = index,
        narrow = narrow,
        states = states,
        past = past,
        order = order,
    )
}

/// The conversations of a contact: all of them are read and sorted, so that a write has no index of them to maintain.
/// The first row is the account's alone. The limit stands outside of the sorted query: inside, SQLite would read each
/// row twice. Reads 2 * limit + 6 rows at most, and the conversations of the contact.
fn list_of_contact(sort: Sort, narrow: &str, states: &str, past: &str, order: &str) -> String {
    format!(
        as_caller!(
            ",
page (account, token, id, position) AS (
  SELECT account_id, token, NULL, NULL FROM caller
  UNION ALL
  SELECT NULL, NULL, id, position FROM (
    SELECT found.id, found.{position} AS position
    FROM conversations AS found INDEXED BY conversations_by_contact_and_group
    WHERE found.account_id = (SELECT account_id FROM caller) AND {narrow}
      AND found.{position} {past} ?4 AND inbox_state IN ({states}) AND NOT found.is_removed
    ORDER BY found.{position} {order}
  )
)
SELECT page.account, page.token, page.position, found.object
FROM page
LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = (SELECT account_id FROM caller) AND found.id = page.id
LIMIT +?3 + 1"
        ),
        position = sort.position().0,
        narrow = narrow,
        states = states,
        past = past,
        order = order,
    )
}

impl Sort {
    /// The column of the position, and its width in characters.
    fn position(self) -> (&'static str, usize) {
        match self {
            Self::CreatedAt => ("id", 16),
            Self::LastActiveAt => ("activity", 23),
        }
    }
}

/// A page of conversations. With `ending_before` the rows come in reverse.
pub fn list(paging: &Paging, sort: Sort, filter: &Filter) -> Statement {
    let (past, order) = paging.direction();
    let narrow = match (&filter.contact_id, &filter.group_id) {
        (None, None) => "?5 IS NULL AND ?6 IS NULL",
        (Some(_), None) => "found.contact_id = +?5 AND ?6 IS NULL",
        (None, Some(_)) => "?5 IS NULL AND found.group_id = +?6",
        (Some(_), Some(_)) => "found.contact_id = +?5 AND found.group_id = +?6",
    };
    let states = states_of(&filter.flags);
    let one_range = match (sort, states.len(), &filter.contact_id, &filter.group_id) {
        (Sort::CreatedAt, 16, None, None) => Some("-- PRIMARY KEY (account_id, id)"),
        (Sort::CreatedAt, 16, Some(_), Some(_)) => Some("INDEXED BY conversations_by_contact_and_group"),
        _ => None,
    };
    let states = format!("VALUES {}", states.join(", "));
    let sql = match (one_range, &filter.contact_id) {
        (Some(index), _) => list_all(index, narrow, past, order),
        (None, Some(_)) => list_of_contact(sort, narrow, &states, past, order),
        (None, None) => list_merged(sort, filter.group_id.is_some(), narrow, &states, past, order),
    };
    let reference = |id: &Option<Reference>| id.as_ref().map(Reference::to_string).into();
    let parameters: [Parameter; 4] = [
        paging.limit.and_one_more().into(),
        paging.position().into(),
        reference(&filter.contact_id),
        reference(&filter.group_id),
    ];
    Statement::new(sql, parameters)
}

/// Those of the sixteen values of `conversations.inbox_state` that the flags allow, each in parentheses.
fn states_of(flags: &Flags) -> Vec<String> {
    let bits = [(flags.pinned, 1), (flags.muted, 2), (flags.archived, 4), (flags.unread, 8)];
    let allowed = |state: &u8| bits.iter().all(|(flag, bit)| flag.is_none_or(|wanted| wanted == (state & bit != 0)));
    (0..16).filter(allowed).map(|state| format!("({state})")).collect()
}

// Creations: `?3` to `?5` are the request's identity (idempotency.rs). `?6` the contact, `?7` the group.

/// Adds a conversation, unless the account is full, on a condition that ends with `AND`, if any.
macro_rules! insert {
    ($condition:literal) => {
        as_caller!(concat!(
            moment!(newest_id!(conversation of "caller.account_id")),
            "
INSERT INTO conversations (account_id, id, contact_id, group_id, created_at, changed_by)
SELECT
  moment.account_id,
  ",
            new_id!(),
            ",
  ?6, ?7, unixepoch(), ?5
FROM moment
WHERE NOT moment.is_full
  AND ",
            $condition,
            unless_replayed!("moment.account_id")
        ))
    };
}

/// Adds a conversation.
const INSERT: &str = insert!("");

/// Adds a conversation unless there is one with the same contact and the same group. One statement decides and writes,
/// so simultaneous requests can't both find nothing.
const INSERT_DISTINCT: &str = insert!(
    "NOT EXISTS (
    SELECT 1 FROM conversations INDEXED BY conversations_by_contact_and_group
    WHERE account_id = moment.account_id AND contact_id IS +?6 AND group_id IS +?7 AND NOT is_removed
  )
  AND "
);

/// Whether the account's newest conversation is this request's: its id ends like the request's.
macro_rules! created {
    () => {
        "(
    SELECT substr(id, 8) FROM conversations -- PRIMARY KEY (account_id, id)
    WHERE conversations.account_id = tokens.account_id
    ORDER BY id DESC LIMIT 1
  ) = substr(?5, 8)"
    };
}

/// The conversation just added: the newest.
const CREATED: &str = answer!(
    after created!(),
    "caller.scopes, caller.is_watched, iif(found.id IS NULL, 'full', 'created') AS outcome,
  found.id AS position, found.tag, found.object",
    "LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id
  AND found.id = (SELECT max(id) FROM conversations WHERE account_id = caller.account_id)
  AND substr(found.id, 8) = substr(?5, 8)"
);

/// The oldest conversation with that contact and that group: the one just added, or the one that was there.
const CREATED_OR_EXISTING: &str = answer!(
    after created!(),
    "caller.scopes, caller.is_watched,
  CASE
    WHEN found.id IS NULL THEN 'full'
    WHEN substr(found.id, 8) = substr(?5, 8) THEN 'created'
    ELSE 'existing'
  END AS outcome,
  found.id AS position, found.tag, found.object",
    "LEFT JOIN conversations AS found INDEXED BY conversations_by_contact_and_group
  ON found.account_id = caller.account_id AND found.contact_id IS +?6 AND found.group_id IS +?7
  AND NOT found.is_removed
ORDER BY found.id LIMIT 1"
);

/// The statements of a creation. The outcome is `created`, `existing` or `full`.
pub fn create(
    identity: &Identity,
    contact_id: Option<Reference>,
    group_id: Option<Reference>,
    distinct: bool,
) -> (Statement, Statement) {
    let parameters: [Parameter; 2] = [contact_id, group_id].map(|reference| reference.map(|id| id.to_string()).into());
    if distinct {
        let insert = identity.statement(INSERT_DISTINCT, parameters.clone());
        (insert, identity.statement(CREATED_OR_EXISTING, parameters))
    } else {
        (identity.statement(INSERT, parameters), identity.statement(CREATED, []))
    }
}

/// One conversation. `?3` its id.
const RETRIEVE: &str = answer!(
    "caller.scopes, found.id AS position, found.tag, found.object",
    "LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = +?3 AND NOT found.is_removed"
);

/// The statement of a retrieval.
pub fn retrieve(id: &Id) -> Statement {
    Statement::new(RETRIEVE, [id.as_str().into()])
}

/// The columns that an update may change.
macro_rules! columns {
    () => {
        "(pinned_message_id, is_pinned, is_muted, archived_at, last_opened_ms)"
    };
}

/// What an update makes of them.
macro_rules! updated {
    () => {
        concat!(
            "(
    iif(?6, ?7, pinned_message_id),
    coalesce(?8, is_pinned),
    coalesce(?9, is_muted),
    iif(?10, ?11, archived_at),
    CASE
      WHEN NOT ?12 THEN last_opened_ms
      WHEN ?13 < unixepoch() THEN ?13 * 1000 + 999
      WHEN ?13 >= unixepoch() THEN max(",
            now_ms!(),
            ", coalesce(last_active_ms, 0))
    END
  )"
        )
    };
}

/// Changes the attributes that were sent and no others, all or none of them: not when `If-Match` does not match, not to
/// pin a message of another conversation, and not when all of them have these values already. An opening in the current
/// second or later is one now, after all that has been said; in an earlier second it is one at its end. `?3` the id,
/// `?4` the request's id, `?5` the tags of `If-Match` or null, `?6` `?7` pinned_message_id sent and its value, `?8`
/// is_pinned, `?9` is_muted, `?10` `?11` archived_at sent and its value, `?12` `?13` last_opened_at sent and its value.
const UPDATE: &str = as_caller!(concat!(
    "
UPDATE conversations -- PRIMARY KEY (account_id, id)
SET
  ",
    columns!(),
    " = ",
    updated!(),
    ",
  changed_by = ?4
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?3
  AND NOT is_removed
  AND (?5 IS NULL OR instr(?5, '\"' || tag || '\"'))
  AND (?7 IS NULL OR EXISTS (
    SELECT 1 FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
    WHERE messages.account_id = conversations.account_id AND messages.conversation_id = ?3 AND messages.id = ?7
  ))
  AND ",
    columns!(),
    " IS NOT ",
    updated!()
));

/// The conversation after an update, and what became of that. `?3` to `?7` as for the update.
const UPDATED: &str = answer!(
    after "(
    SELECT changed_by FROM conversations -- PRIMARY KEY (account_id, id)
    WHERE conversations.account_id = tokens.account_id AND conversations.id = +?3
  ) = +?4",
    "caller.scopes, caller.is_watched,
  CASE
    WHEN found.changed_by = +?4 THEN 'updated'
    WHEN NOT (?7 IS NULL OR EXISTS (
      SELECT 1 FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
      WHERE messages.account_id = caller.account_id AND messages.conversation_id = +?3 AND messages.id = +?7
    )) THEN 'foreign_pin'
    WHEN NOT instr(?5, '\"' || found.tag || '\"') THEN 'outdated'
    ELSE 'unchanged'
  END AS outcome,
  found.id AS position, found.tag, found.object",
    "LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = +?3 AND NOT found.is_removed"
);

/// The statements of an update. The outcome is `updated`, `unchanged`, `outdated` or `foreign_pin`.
pub fn update(id: &Id, request_id: &Id, if_match: &Condition, changes: Update) -> [Statement; 2] {
    let subject: [Parameter; 5] = [
        id.as_str().into(),
        request_id.as_str().into(),
        if_match.tags().into(),
        changes.pinned_message_id.is_sent().into(),
        changes.pinned_message_id.value().map(|id| id.to_string()).into(),
    ];
    let attributes: [Parameter; 6] = [
        changes.is_pinned.into(),
        changes.is_muted.into(),
        changes.archived_at.is_sent().into(),
        changes.archived_at.value().map(Timestamp::seconds).into(),
        changes.last_opened_at.is_sent().into(),
        changes.last_opened_at.value().map(Timestamp::seconds).into(),
    ];
    [Statement::new(UPDATE, [subject.as_slice(), &attributes].concat()), Statement::new(UPDATED, subject)]
}

// A deletion. `?3` the id, `?4` the tags of `If-Match` or null, `?5` the request's id.

/// Logs the deletion, which deletes the conversation, or hides it where it is too large for one step (`removal.rs`).
const DELETE: &str = log_deletion!(
    "found.id, NULL",
    "JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = +?3",
    "NOT found.is_removed AND (?4 IS NULL OR instr(?4, '\"' || found.tag || '\"'))"
);

/// What became of the conversation.
const DELETED: &str = answer!(
    after logged!("tokens.account_id"),
    concat!("caller.is_watched, iif(", logged!("caller.account_id"), ", 'deleted', NULL) AS outcome, found.tag"),
    "LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = +?3 AND NOT found.is_removed"
);

/// A step of what the account has to delete. So each deletion helps the sweep.
const DELETE_MESSAGES: &str = as_caller!(delete_messages!("account_id = (SELECT account_id FROM caller)"));

/// The statements of a deletion. The outcome is `deleted`, or null.
pub fn delete(id: &Id, request_id: &Id, if_match: &Condition) -> [Statement; 3] {
    let parameters: [Parameter; 3] = [id.as_str().into(), if_match.tags().into(), request_id.as_str().into()];
    let [delete, deleted] = [DELETE, DELETED].map(|sql| Statement::new(sql, parameters.clone()));
    [delete, deleted, Statement::new(DELETE_MESSAGES, [])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_states() {
        let states = |flags: Flags| states_of(&flags).concat();
        assert_eq!(states_of(&Flags::default()).len(), 16);
        assert_eq!(states(Flags { muted: Some(true), ..Flags::default() }), "(2)(3)(6)(7)(10)(11)(14)(15)");
        let neither = Flags { archived: Some(false), pinned: Some(false), ..Flags::default() };
        assert_eq!(states(neither), "(0)(2)(8)(10)");
        let all = || Flags { archived: Some(true), pinned: Some(true), muted: Some(true), unread: None };
        assert_eq!(states(all()), "(7)(15)");
        assert_eq!(states(Flags { unread: Some(false), ..all() }), "(7)");
    }
}
