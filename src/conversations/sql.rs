//! The SQL of conversations, each statement whole but for the caller ([`as_caller!`]), with the index it rides on.
//! What `?1` to `?3` and the columns of an answer are: `query.rs`.

use crate::{
    conversations::input::{Filter, Flags, Sort, Update},
    http::conditions::Condition,
    id::Id,
    idempotency::{Identity, unless_replayed},
    input::values::{Reference, Timestamp},
    paging::Paging,
    query::{Parameter, Statement, answer, as_caller},
};

// A list has three shapes. What can't be a parameter stands in braces: `{family}` are the indexes that lead with what
// narrows the list after the account, `{narrow}` the condition they serve, `{position}` the column they end with,
// `{past}` and `{order}` the direction of travel. `?4` are the rows wanted, `?5` the position, `?6` the contact, `?7`
// the group.

/// All states, in order of creation: one range. Reads limit + 2 rows at most.
fn list_all(index: &str, narrow: &str, past: &str, order: &str) -> String {
    format!(
        answer!(
            "found.id AS position, found.object",
            "LEFT JOIN conversations AS found {index}
  ON found.account_id = caller.account_id AND {narrow} AND found.id {past} ?5
ORDER BY found.id {order} LIMIT +?4"
        ),
        index = index,
        narrow = narrow,
        past = past,
        order = order,
    )
}

/// One, two or four states, `?8` to `?11`, in order of creation: each is a range of the index, SQLite merges them as it
/// reads ("MERGE (UNION ALL)"). The first row is the account's alone. (D1 takes no compound SELECT of more than five
/// terms.) Reads limit + 9 rows at most.
fn list_by_flags(states: usize, family: &str, narrow: &str, past: &str, order: &str) -> String {
    // Before all ids in the direction of travel.
    let first = if order == "DESC" { "'{'" } else { "''" };
    let mut sql =
        [as_caller!("\nSELECT account_id AS account, "), first, " AS position, NULL AS object FROM caller\n"].concat();
    for parameter in ["?8", "?9", "?10", "?11"].iter().take(states) {
        sql.push_str(&format!(
            "\
UNION ALL
SELECT NULL, found.id, object FROM conversations AS found INDEXED BY conversations_by_{family}state
WHERE found.account_id = (SELECT account_id FROM caller) AND {narrow} AND state = +{parameter} AND found.id {past} ?5
"
        ));
    }
    sql + &format!("ORDER BY position {order} LIMIT +?4 + 1")
}

/// Up to sixteen states, `?8` to `?23`, in any order: each is a range of the index, and the recursion is their merge.
/// Its queue holds the next row of every range. What comes out first is the next row of the page, and the one behind it
/// in its range goes in. A row is one text, the position and then the object: a subquery gives one column. Reads 2 *
/// limit + 19 rows at most.
fn list_merged(sort: Sort, family: &str, narrow: &str, past: &str, order: &str) -> String {
    let (position, index, width) = match sort {
        Sort::CreatedAt => ("id", "inbox", "16"),
        Sort::LastActiveAt => ("recency", "recency", "28"),
    };
    format!(
        as_caller!(
            ",
merged (account, state, line) AS (
  SELECT (SELECT account_id FROM caller), column1, (
    SELECT found.{position} || object FROM conversations AS found INDEXED BY conversations_by_{family}{index}
    WHERE found.account_id = (SELECT account_id FROM caller) AND {narrow} AND inbox_state = column1
      AND found.{position} {past} ?5
    ORDER BY found.{position} {order} LIMIT 1
  )
  FROM (VALUES
    (?8), (?9), (?10), (?11), (?12), (?13), (?14), (?15), (?16), (?17), (?18), (?19), (?20), (?21), (?22), (?23)
  )
  UNION ALL
  SELECT account, state, (
    SELECT found.{position} || object FROM conversations AS found INDEXED BY conversations_by_{family}{index}
    WHERE found.account_id = merged.account AND {narrow} AND inbox_state = merged.state
      AND found.{position} {past} substr(merged.line, 1, {width})
    ORDER BY found.{position} {order} LIMIT 1
  )
  FROM merged WHERE line IS NOT NULL
  ORDER BY 3 {order} NULLS LAST
  LIMIT +?4
)
SELECT account, substr(line, 1, {width}) AS position, substr(line, {width} + 1) AS object FROM merged"
        ),
        position = position,
        index = index,
        width = width,
        family = family,
        narrow = narrow,
        past = past,
        order = order,
    )
}

/// A page of conversations. With `ending_before` the rows come in reverse.
pub fn list(paging: &Paging, sort: Sort, filter: &Filter) -> Statement {
    let (family, narrow) = match (&filter.contact_id, &filter.group_id) {
        (None, None) => ("", "?6 IS NULL AND ?7 IS NULL"),
        (Some(_), None) => ("contact_", "found.contact_id = +?6 AND ?7 IS NULL"),
        (None, Some(_)) => ("group_", "?6 IS NULL AND found.group_id = +?7"),
        (Some(_), Some(_)) => ("contact_and_group_", "found.contact_id = +?6 AND found.group_id = +?7"),
    };
    let (past, order) = paging.direction();
    let Flags { pinned, muted, archived, unread } = filter.flags;
    let flagged = pinned.or(muted).or(archived).is_some();
    let (sql, states) = match (sort, unread, flagged) {
        (Sort::CreatedAt, None, false) => {
            let index = match family {
                "" => "-- PRIMARY KEY (account_id, id)".to_owned(),
                family => ["INDEXED BY conversations_by_", family.trim_end_matches('_')].concat(),
            };
            (list_all(&index, narrow, past, order), Vec::new())
        }
        // Where `unread` plays no part, the eight values of `state` are enough, of which a flag leaves four.
        (Sort::CreatedAt, None, true) => {
            let states = states_of(&filter.flags, 8);
            (list_by_flags(states.len(), family, narrow, past, order), states)
        }
        _ => {
            let mut states = states_of(&filter.flags, 16);
            states.resize(16, Parameter::Null);
            (list_merged(sort, family, narrow, past, order), states)
        }
    };
    let reference = |id: &Option<Reference>| id.as_ref().map(Reference::to_string).into();
    let page: [Parameter; 4] = [
        paging.limit.and_one_more().into(),
        paging.position().into(),
        reference(&filter.contact_id),
        reference(&filter.group_id),
    ];
    Statement::new(sql, page.into_iter().chain(states).collect::<Vec<_>>())
}

/// Those of the first `all` values of `conversations.inbox_state` that the flags allow. The first eight are the values
/// of `state` too.
fn states_of(flags: &Flags, all: i64) -> Vec<Parameter> {
    let bits = [(flags.pinned, 1), (flags.muted, 2), (flags.archived, 4), (flags.unread, 8)];
    let allowed = |state: &i64| bits.iter().all(|(flag, bit)| flag.is_none_or(|wanted| wanted == (state & bit != 0)));
    (0..all).filter(allowed).map(Parameter::from).collect()
}

// Creations: `?4` to `?6` are the request's identity (idempotency.rs), its id the new object's. `?7` the contact, `?8`
// the group.

/// Adds a conversation.
const INSERT: &str = as_caller!(concat!(
    "
INSERT INTO conversations (account_id, id, contact_id, group_id, created_at)
SELECT caller.account_id, ?6, ?7, ?8, ?2
FROM caller
WHERE caller.account_id > 0
  AND ",
    unless_replayed!("caller.account_id")
));

/// The conversation just added.
const CREATED: &str = answer!(
    "'created' AS outcome, found.id AS position, found.tag, found.object",
    "LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = +?6"
);

/// Adds a conversation unless there is one with the same contact and the same group. One statement decides and writes,
/// so simultaneous requests can't both find nothing.
const INSERT_DISTINCT: &str = as_caller!(concat!(
    "
INSERT INTO conversations (account_id, id, contact_id, group_id, created_at)
SELECT caller.account_id, ?6, ?7, ?8, ?2
FROM caller
WHERE caller.account_id > 0
  AND NOT EXISTS (
    SELECT 1 FROM conversations INDEXED BY conversations_by_contact_and_group
    WHERE account_id = caller.account_id AND contact_id IS +?7 AND group_id IS +?8
  )
  AND ",
    unless_replayed!("caller.account_id")
));

/// The oldest conversation with that contact and that group: the one just added, or the one that was there.
const CREATED_OR_EXISTING: &str = answer!(
    "iif(found.id = +?6, 'created', 'existing') AS outcome, found.id AS position, found.tag, found.object",
    "LEFT JOIN conversations AS found INDEXED BY conversations_by_contact_and_group
  ON found.account_id = caller.account_id AND found.contact_id IS +?7 AND found.group_id IS +?8
ORDER BY found.id LIMIT 1"
);

/// The statements of a creation. The outcome is `created` or `existing`.
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

/// One conversation. `?4` its id.
const RETRIEVE: &str = answer!(
    "found.id AS position, found.tag, found.object",
    "LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = +?4"
);

/// The statement of a retrieval.
pub fn retrieve(id: &Id) -> Statement {
    Statement::new(RETRIEVE, [id.as_str().into()])
}

/// Changes the attributes that were sent and no others, all or none of them: not when `If-Match` does not match, and
/// not to pin a message of another conversation. `?4` the id, `?5` the request's id, `?6` the tags of `If-Match` or
/// null, `?7` `?8` pinned_message_id sent and its value, `?9` is_pinned, `?10` is_muted, `?11` `?12` archived_at sent
/// and its value, `?13` `?14` last_opened_at sent and its value.
const UPDATE: &str = as_caller!(
    "
UPDATE conversations -- PRIMARY KEY (account_id, id)
SET
  pinned_message_id = iif(?7, ?8, pinned_message_id),
  is_pinned = coalesce(?9, is_pinned),
  is_muted = coalesce(?10, is_muted),
  archived_at = iif(?11, ?12, archived_at),
  last_opened_at = iif(?13, ?14, last_opened_at),
  changed_by = ?5
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?4
  AND (?6 IS NULL OR instr(?6, '\"' || tag || '\"'))
  AND (?8 IS NULL OR EXISTS (
    SELECT 1 FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
    WHERE messages.account_id = conversations.account_id AND messages.conversation_id = ?4 AND messages.id = ?8
  ))"
);

/// The conversation after an update, and what became of that. `?4` to `?8` as for the update.
const UPDATED: &str = answer!(
    "CASE
    WHEN found.changed_by = +?5 THEN 'updated'
    WHEN ?8 IS NULL OR EXISTS (
      SELECT 1 FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
      WHERE messages.account_id = caller.account_id AND messages.conversation_id = +?4 AND messages.id = +?8
    ) THEN 'outdated'
    ELSE 'foreign_pin'
  END AS outcome,
  found.id AS position, found.tag, found.object",
    "LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = +?4"
);

/// The statements of an update. The outcome is `updated`, `outdated` or `foreign_pin`.
pub fn update(id: &Id, request_id: &Id, if_match: &Condition, changes: Update) -> (Statement, Statement) {
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
    (Statement::new(UPDATE, [subject.as_slice(), &attributes].concat()), Statement::new(UPDATED, subject))
}

/// What a deletion will find. `?4` the id, `?5` the tags of `If-Match` or null.
const FOUND: &str = answer!(
    "iif(?5 IS NULL OR instr(?5, '\"' || found.tag || '\"'), 'deleted', 'outdated') AS outcome, found.tag",
    "LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = +?4"
);

/// Deletes a conversation. Its messages go with it, by their foreign key. `?4` and `?5` as above.
const DELETE: &str = as_caller!(
    "
DELETE FROM conversations -- PRIMARY KEY (account_id, id)
WHERE account_id = (SELECT account_id FROM caller)
  AND id = ?4
  AND (?5 IS NULL OR instr(?5, '\"' || tag || '\"'))"
);

/// The statements of a deletion. The outcome is `deleted` or `outdated`.
pub fn delete(id: &Id, if_match: &Condition) -> (Statement, Statement) {
    let parameters: [Parameter; 2] = [id.as_str().into(), if_match.tags().into()];
    (Statement::new(FOUND, parameters.clone()), Statement::new(DELETE, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_states() {
        let states = |flags: Flags, all| states_of(&flags, all);
        let expected = |states: &[i64]| states.iter().map(|&state| Parameter::Integer(state)).collect::<Vec<_>>();
        assert_eq!(states(Flags::default(), 16), expected(&(0..16).collect::<Vec<_>>()));
        assert_eq!(states(Flags { muted: Some(true), ..Flags::default() }, 8), expected(&[2, 3, 6, 7]));
        let neither = Flags { archived: Some(false), pinned: Some(false), ..Flags::default() };
        assert_eq!(states(neither, 8), expected(&[0, 2]));
        let all = || Flags { archived: Some(true), pinned: Some(true), muted: Some(true), unread: None };
        assert_eq!(states(all(), 16), expected(&[7, 15]));
        assert_eq!(states(Flags { unread: Some(false), ..all() }, 16), expected(&[7]));
    }
}
