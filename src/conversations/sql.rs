//! The SQL of conversations, each statement whole, with the index it rides on. Pure.
//! What `?1` to `?3` are, and what an answer is, `call.rs` says.

use crate::{
    attributes::Field,
    call::{Parameter, Statement},
    conditions::Condition,
    id::Id,
    idempotency::Identity,
    page::{self, Paging, Positions},
    values::{Reference, Timestamp},
};

/// Which conversations a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only the pinned ones, or only the others.
    pub pinned: Option<bool>,
    /// Only the muted ones, or only the others.
    pub muted: Option<bool>,
    /// Only the archived ones, or only the others.
    pub archived: Option<bool>,
    /// Only the unread ones, or only the others.
    pub unread: Option<bool>,
    /// Only those with this contact.
    pub contact_id: Option<Reference>,
    /// Only those of this group.
    pub group_id: Option<Reference>,
}

impl Filter {
    /// The query parameters that ask for this filter.
    pub fn parameters(&self) -> Vec<String> {
        let flags =
            [("muted", self.muted), ("archived", self.archived), ("pinned", self.pinned), ("unread", self.unread)];
        let flags = flags.into_iter().filter_map(|(name, flag)| flag.map(|flag| format!("{name}={flag}")));
        let references = [("group_id", &self.group_id), ("contact_id", &self.contact_id)];
        let references = references.into_iter().filter_map(|(name, id)| id.as_ref().map(|id| format!("{name}={id}")));
        flags.chain(references).collect()
    }

    /// Those of the first `all` values of `conversations.inbox_state` that the flags allow; the first eight are the
    /// values of `state` too.
    fn states(&self, all: i64) -> Vec<i64> {
        let flags = [(self.pinned, 1), (self.muted, 2), (self.archived, 4), (self.unread, 8)];
        let allowed =
            |state: &i64| flags.iter().all(|(flag, bit)| flag.is_none_or(|wanted| wanted == (state & bit != 0)));
        (0..all).filter(allowed).collect()
    }
}

/// The order of a list, and what its positions are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Newest first; an id is a position.
    #[default]
    CreatedAt,
    /// Most recent activity first, those never active after the others, newest first; see `conversations.recency`.
    LastActiveAt,
}

impl Sort {
    /// None for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "created_at" => Some(Self::CreatedAt),
            "last_active_at" => Some(Self::LastActiveAt),
            _ => None,
        }
    }

    /// The query parameter that asks for this order, unless it is the default.
    pub fn parameter(self) -> Option<String> {
        (self == Self::LastActiveAt).then(|| "sort=last_active_at".to_owned())
    }

    /// How this order writes its positions.
    pub fn positions(self) -> Positions {
        match self {
            Self::CreatedAt => page::IDS,
            Self::LastActiveAt => Positions {
                right: "a position of this order: with sort=last_active_at take it from the Link header, an id alone is none",
                parse: |text| {
                    let (activity, id) = text.split_at_checked(RECENCY_DIGITS)?;
                    let well_formed = activity.bytes().all(|byte| byte.is_ascii_digit()) && Id::parse(id).is_some();
                    well_formed.then(|| text.to_owned())
                },
            },
        }
    }
}

/// How many digits of activity `conversations.recency` begins with.
const RECENCY_DIGITS: usize = 12;

// The three shapes of a list, with blanks for what can't be a parameter: `{NARROW}` is what its index leads with after
// the account and `{FAMILY}` the indexes that do, `{POSITION}` what the index ends with, `{PAST}` and `{ORDER}` the
// direction of travel. `?4` are the rows wanted, `?5` the position, `?6` the contact, `?7` the group.

/// All states, in order of creation: one range. Reads limit + 2 rows at most.
const LIST: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  iif(caller.scopes & ?3, (
    SELECT group_concat(id || char(9) || object, char(10))
    FROM (
      SELECT id, object FROM conversations {INDEX}
      WHERE account_id = caller.account_id AND {NARROW} AND id {PAST} ?5
      ORDER BY id {ORDER} LIMIT +?4
    )
  ), NULL) AS answer
FROM tokens AS caller
WHERE caller.hash = +?1 AND caller.valid_until > ?2";

/// One, two or four states, `?8` to `?11`, in order of creation: each is a range of the index, SQLite merges them as it
/// reads ("MERGE (UNION ALL)"). A state of NULL is an empty range. Reads limit + 5 rows at most.
const LIST_OF_STATES: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  iif(caller.scopes & ?3, (
    SELECT group_concat(id || char(9) || object, char(10))
    FROM (
      SELECT id, object FROM conversations INDEXED BY conversations_by_{FAMILY}state
      WHERE account_id = caller.account_id AND {NARROW} AND state = +?8 AND id {PAST} ?5
      UNION ALL
      SELECT id, object FROM conversations INDEXED BY conversations_by_{FAMILY}state
      WHERE account_id = caller.account_id AND {NARROW} AND state = +?9 AND id {PAST} ?5
      UNION ALL
      SELECT id, object FROM conversations INDEXED BY conversations_by_{FAMILY}state
      WHERE account_id = caller.account_id AND {NARROW} AND state = +?10 AND id {PAST} ?5
      UNION ALL
      SELECT id, object FROM conversations INDEXED BY conversations_by_{FAMILY}state
      WHERE account_id = caller.account_id AND {NARROW} AND state = +?11 AND id {PAST} ?5
      ORDER BY id {ORDER} LIMIT +?4
    )
  ), NULL) AS answer
FROM tokens AS caller
WHERE caller.hash = +?1 AND caller.valid_until > ?2";

/// Up to sixteen states, `?8` to `?23`, in any order: each is a range of the index, and the recursion is their merge.
/// Its queue holds the next line of every range; what comes out first is the next line of the page, and the one behind
/// it in its range goes in. (D1 takes no compound SELECT of more than five terms.) Reads 2 * limit + 18 rows at most.
const LIST_MERGED: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  iif(caller.scopes & ?3, (
    WITH RECURSIVE merged (wanted, line) AS (
      SELECT column1, (
        SELECT {POSITION} || char(9) || object FROM conversations INDEXED BY conversations_by_{FAMILY}{KEY}
        WHERE account_id = caller.account_id AND {NARROW} AND inbox_state = column1 AND {POSITION} {PAST} ?5
        ORDER BY {POSITION} {ORDER} LIMIT 1
      )
      FROM (VALUES
        (?8), (?9), (?10), (?11), (?12), (?13), (?14), (?15), (?16), (?17), (?18), (?19), (?20), (?21), (?22), (?23)
      )
      UNION ALL
      SELECT wanted, (
        SELECT {POSITION} || char(9) || object FROM conversations INDEXED BY conversations_by_{FAMILY}{KEY}
        WHERE account_id = caller.account_id AND {NARROW} AND inbox_state = merged.wanted
          AND {POSITION} {PAST} substr(merged.line, 1, instr(merged.line, char(9)) - 1)
        ORDER BY {POSITION} {ORDER} LIMIT 1
      )
      FROM merged WHERE line IS NOT NULL
      ORDER BY 2 {ORDER} NULLS LAST
      LIMIT +?4
    )
    SELECT group_concat(line, char(10)) FROM merged
  ), NULL) AS answer
FROM tokens AS caller
WHERE caller.hash = +?1 AND caller.valid_until > ?2";

/// A page of conversations; `ending_before` walks the other way and the page is turned round afterwards.
pub fn list(paging: &Paging, sort: Sort, filter: &Filter) -> Statement {
    let (index, family, narrow) = match (&filter.contact_id, &filter.group_id) {
        // The table itself is clustered by (account_id, id).
        (None, None) => ("", "", "?6 IS NULL AND ?7 IS NULL"),
        (Some(_), None) => ("INDEXED BY conversations_by_contact", "contact_", "contact_id = +?6 AND ?7 IS NULL"),
        (None, Some(_)) => ("INDEXED BY conversations_by_group", "group_", "?6 IS NULL AND group_id = +?7"),
        (Some(_), Some(_)) => (
            "INDEXED BY conversations_by_contact_and_group",
            "contact_and_group_",
            "contact_id = +?6 AND group_id = +?7",
        ),
    };
    let flagged = filter.pinned.or(filter.muted).or(filter.archived).is_some();
    let (template, position, key, ranges) = match (sort, filter.unread.is_some(), flagged) {
        (Sort::CreatedAt, false, false) => (LIST, "id", "", 0),
        (Sort::CreatedAt, false, true) => (LIST_OF_STATES, "id", "state", 4),
        (Sort::CreatedAt, true, _) => (LIST_MERGED, "id", "inbox", 16),
        (Sort::LastActiveAt, ..) => (LIST_MERGED, "recency", "recency", 16),
    };
    let (past, order) = paging.direction();
    let blanks = [
        ("{INDEX}", index),
        ("{FAMILY}", family),
        ("{NARROW}", narrow),
        ("{POSITION}", position),
        ("{KEY}", key),
        ("{PAST}", past),
        ("{ORDER}", order),
    ];
    let reference = |id: &Option<Reference>| id.as_ref().map(Reference::to_string).into();
    let mut parameters: Vec<Parameter> = vec![
        paging.limit.and_one_more().into(),
        paging.position().into(),
        reference(&filter.contact_id),
        reference(&filter.group_id),
    ];
    // Where `unread` plays no part, four ranges of the eight values of `state` are enough.
    let states = filter.states(if ranges == 4 { 8 } else { 16 });
    parameters.extend((0..ranges).map(|range| Parameter::from(states.get(range).copied())));
    Statement::filled(template, &blanks, parameters)
}

// Creations: `?4` to `?6` are the request's identity (idempotency.rs), its id the new object's; `?7` the contact, `?8` the
// group.

/// Adds a conversation.
const INSERT: &str = "\
INSERT INTO conversations (account_id, id, contact_id, group_id, created_at)
SELECT caller.account_id, ?6, ?7, ?8, ?2
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  AND NOT EXISTS (
    SELECT 1 FROM idempotency_keys -- PRIMARY KEY (account_id, key)
    WHERE account_id = caller.account_id AND key = ?4 AND expires_at > ?2
  )";

/// The conversation just added.
const CREATED: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT 'created' || char(9) || tag || char(9) || object FROM conversations
    WHERE account_id = caller.account_id AND id = +?6
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = +?1 AND caller.valid_until > ?2";

/// Adds a conversation unless there is one with the same contact and the same group. One statement decides and
/// writes, so simultaneous requests can't both find nothing.
const INSERT_DISTINCT: &str = "\
INSERT INTO conversations (account_id, id, contact_id, group_id, created_at)
SELECT caller.account_id, ?6, ?7, ?8, ?2
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  AND NOT EXISTS (
    SELECT 1 FROM idempotency_keys -- PRIMARY KEY (account_id, key)
    WHERE account_id = caller.account_id AND key = ?4 AND expires_at > ?2
  )
  AND NOT EXISTS (
    SELECT 1 FROM conversations INDEXED BY conversations_by_contact_and_group
    WHERE account_id = caller.account_id AND contact_id IS ?7 AND group_id IS ?8
  )";

/// The oldest conversation with that contact and that group: the one just added, or the one that was there.
const CREATED_OR_EXISTING: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT iif(id = +?6, 'created', 'existing') || char(9) || tag || char(9) || object
    FROM conversations INDEXED BY conversations_by_contact_and_group
    WHERE account_id = caller.account_id AND contact_id IS +?7 AND group_id IS +?8
    ORDER BY id LIMIT 1
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = +?1 AND caller.valid_until > ?2";

/// The statements of a creation; the answer is `created` or `existing`, TAB, tag, TAB, the object.
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
const RETRIEVE: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT tag || char(9) || object FROM conversations -- PRIMARY KEY (account_id, id)
    WHERE account_id = caller.account_id AND id = ?4
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// The statement of a retrieval; the answer is its tag, TAB, the object.
pub fn retrieve(id: &Id) -> Statement {
    Statement::new(RETRIEVE, [id.to_string().into()])
}

/// What an update changes; what it doesn't send stays as it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// A message of this conversation, or none.
    pub pinned_message_id: Field<Id>,
    /// Pins or un-pins the conversation.
    pub is_pinned: Option<bool>,
    /// Mutes or un-mutes it.
    pub is_muted: Option<bool>,
    /// Archives or un-archives it.
    pub archived_at: Field<Timestamp>,
    /// Marks it read, or unread.
    pub last_opened_at: Field<Timestamp>,
}

/// Changes the attributes that were sent and no others, all or none of them: not when somebody was faster than a caller
/// who minds, and a message that isn't of this conversation is not pinned.
/// `?4` the id, `?5` the request's id, `?6` the tags that it may have, or null, `?7` `?8` pinned_message_id sent and its
/// value, `?9` is_pinned, `?10` is_muted, `?11` `?12` archived_at sent and its value, `?13` `?14` last_opened_at sent and
/// its value.
const UPDATE: &str = "\
UPDATE conversations -- PRIMARY KEY (account_id, id)
SET
  pinned_message_id = iif(?7, ?8, pinned_message_id),
  is_pinned = coalesce(?9, is_pinned),
  is_muted = coalesce(?10, is_muted),
  archived_at = iif(?11, ?12, archived_at),
  last_opened_at = iif(?13, ?14, last_opened_at),
  changed_by = ?5
WHERE account_id = (
    SELECT caller.account_id FROM tokens AS caller
    WHERE caller.hash = ?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  )
  AND id = ?4
  AND (?6 IS NULL OR instr(?6, '\"' || tag || '\"'))
  AND (?8 IS NULL OR EXISTS (
    SELECT 1 FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
    WHERE messages.account_id = conversations.account_id AND messages.conversation_id = ?4 AND messages.id = ?8
  ))";

/// The conversation after an update, and what became of that. `?4` to `?8` as for the update.
const UPDATED: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT
      CASE
        WHEN changed_by = ?5 THEN 'updated'
        WHEN ?8 IS NULL OR EXISTS (
          SELECT 1 FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
          WHERE messages.account_id = caller.account_id AND messages.conversation_id = ?4 AND messages.id = ?8
        ) THEN 'outdated'
        ELSE 'foreign_pin'
      END || char(9) || tag || char(9) || object
    FROM conversations -- PRIMARY KEY (account_id, id)
    WHERE account_id = caller.account_id AND id = ?4
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// The statements of an update; the answer is `updated`, `outdated` or `foreign_pin`, TAB, tag, TAB, the object.
pub fn update(id: &Id, request_id: &Id, condition: &Condition, changes: Changes) -> (Statement, Statement) {
    let subject: [Parameter; 5] = [
        id.to_string().into(),
        request_id.to_string().into(),
        condition.parameter(),
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

/// What a deletion will find. `?4` the id, `?5` the tags that it may have, or null.
const FOUND: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT iif(?5 IS NULL OR instr(?5, '\"' || tag || '\"'), 'deleted', 'outdated') || char(9) || tag || char(9)
    FROM conversations -- PRIMARY KEY (account_id, id)
    WHERE account_id = caller.account_id AND id = ?4
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// Deletes a conversation; its messages go with it, by their foreign key. `?4` and `?5` as for what it will find.
const DELETE: &str = "\
DELETE FROM conversations -- PRIMARY KEY (account_id, id)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_states() {
        assert_eq!(Filter::default().states(16), (0..16).collect::<Vec<_>>());
        assert_eq!(Filter { muted: Some(true), ..Filter::default() }.states(8), [2, 3, 6, 7]);
        assert_eq!(Filter { archived: Some(false), pinned: Some(false), ..Filter::default() }.states(8), [0, 2]);
        let all = Filter { archived: Some(true), pinned: Some(true), muted: Some(true), ..Filter::default() };
        assert_eq!(all.states(16), [7, 15]);
        assert_eq!(Filter { unread: Some(false), ..all }.states(16), [7]);
    }

    #[test]
    fn a_position_of_activity_is_twelve_digits_and_an_id() {
        let positions = Sort::LastActiveAt.positions();
        assert!((positions.parse)("000705103201xgQQXg3hrtjh7AvZ").is_some());
        for bad in [
            "",
            "xgQQXg3hrtjh7AvZ",
            "00070510320xxgQQXg3hrtjh7AvZ",
            "000705103201xgQQXg3hrtjh7Av",
            "00070510320éxgQQXg3hrtjh7Av",
        ] {
            assert_eq!((positions.parse)(bad), None, "{bad}");
        }
    }

    #[test]
    fn links_keep_every_filter() {
        let filter =
            Filter { muted: Some(true), pinned: Some(false), group_id: Reference::parse("g-1"), ..Filter::default() };
        assert_eq!(filter.parameters(), ["muted=true", "pinned=false", "group_id=g-1"]);
    }
}
