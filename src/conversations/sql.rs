//! The SQL of conversations, each statement whole but for the caller ([`as_caller!`]), with the index it rides on.
//! What `?1`, `?2` and the columns of an answer are: `query.rs`.

use crate::{
    changes::{log_deletion, logged},
    clock::{moment, new_id, newest_id, now_ms},
    conversations::input::{Content, Filter, Flags, Sort, Update},
    http::conditions::Condition,
    id::Id,
    idempotency::{Identity, unless_replayed},
    input::values::{Ids, Reference, Timestamp},
    paging::{MAX_LOOKED_AT, Paging, span, total_count},
    query::{Parameter, Statement, answer, as_caller},
    removal::delete_messages,
};

// A list has three shapes. What can't be a parameter stands in braces (`Shape`). `?3` are the rows wanted, `?4` the
// position, `?5` the contact, `?6` the group, and of a list of a period `?7` to `?10` its parameters. The rows read
// don't include those of conversations that are being removed.

/// What stands in the braces of a list's statement.
struct Shape<'a> {
    sort: Sort,
    /// Whether it is of a group.
    of_group: bool,
    /// The direction of travel: which positions lie past another one, and their order.
    direction: (&'static str, &'static str),
    /// The condition of the group or the contact.
    narrow: &'static str,
    /// The values of `inbox_state` that the flags allow.
    states: &'a [String],
    /// Whether it is of one period.
    is_of_period: bool,
    /// Whether each conversation comes with its last message.
    with_last_message: bool,
    /// The column of the count, if any.
    total_count: &'a str,
}

/// Which part of its ranges a merge takes.
#[derive(Clone, Copy)]
struct Part<'a> {
    /// The common table expression of the caller.
    source: &'a str,
    /// The position past which the ranges begin.
    first: &'a str,
    /// What else is asked of a first row of a range.
    condition: &'a str,
    /// The same of the rows that follow.
    next_condition: &'a str,
    /// How many rows it takes.
    rows: &'a str,
}

/// The common table expression of a list of a period.
const SPAN: &str = span!("conversations", "?9", "?10");

/// In order of an index, all states: one range. Reads limit + 2 rows at most.
fn list_all(index: &str, shape: &Shape) -> String {
    let (past, order) = shape.direction;
    format!(
        answer!(
            "found.id AS position, {object}{total_count}",
            "LEFT JOIN conversations AS found {index}
  ON found.account_id = caller.account_id AND {narrow} AND found.id {past} ?4
  AND NOT found.is_removed
ORDER BY found.id {order} LIMIT +?3"
        ),
        object = shape.object(),
        total_count = shape.total_count,
        index = index,
        narrow = shape.narrow,
        past = past,
        order = order,
    )
}

/// The states of a filter, of the account or of a group. Reads 2 * limit + 18 rows at most.
fn list_merged(shape: &Shape) -> String {
    let all = Part { source: "caller", first: "?4", condition: "", next_condition: "", rows: "+?3" };
    format!(
        as_caller!(
            ",
{merged}
SELECT account, token, substr(line, 1, {width}) AS position, {object}{total_count} FROM merged"
        ),
        merged = shape.merge("merged", " || object", all),
        width = shape.width(),
        object = shape.object_of_line(),
        total_count = shape.total_count,
    )
}

/// The same of a period. In order of creation this is a part of each range: reads 2 * limit + 22 rows at most. In order
/// of activity, or where ids don't tell when conversations were created, others lie between. Then this looks ahead at
/// some positions ([`MAX_LOOKED_AT`]), and the list goes on behind the last one: reads 2 * limit + 1000 rows at most.
fn list_of_period(shape: &Shape) -> String {
    let position = shape.position();
    let is_range = shape.sort == Sort::CreatedAt;
    let falls = shape.direction.0 == "<";
    let (first, end) = match (is_range, falls) {
        (true, true) => ("min(?4, span.high)", "low"),
        (true, false) => ("max(?4, span.low)", "high"),
        (false, true) => ("?4", "''"),
        (false, false) => ("?4", "'{'"),
    };
    let until = if falls { ">=" } else { "<=" };
    // The seed of the recursion has the columns of the span, the rest of it asks for them.
    let [ahead, ahead_next] = match is_range {
        true => [["span.", end].concat(), ["(SELECT ", end, " FROM span)"].concat()]
            .map(|end| format!(" AND found.{position} {until} {end}")),
        false => [String::new(), String::new()],
    };
    let merged = format!(
        "
      AND found.{position} {until} (SELECT end FROM bound) AND created_at >= ?7 AND created_at < ?8"
    );
    let from_span = Part { source: "span", first, condition: &merged, next_condition: &merged, rows: "+?3" };
    let max_looked_at = MAX_LOOKED_AT.to_string();
    let looking_ahead = Part { condition: &ahead, next_condition: &ahead_next, rows: &max_looked_at, ..from_span };
    format!(
        as_caller!(
            "{span},
{ahead},
bound (position, end) AS MATERIALIZED (
  SELECT position, coalesce(position, {end})
  FROM (
    SELECT low, high, iif({has_others}, (SELECT line FROM ahead LIMIT 1 OFFSET {max_looked_at} - 1), NULL) AS position
    FROM span
  )
),
{merged}
SELECT
  account, token, substr(line, 1, {width}) AS position, {object},
  (SELECT position FROM bound) AS stopped{total_count}
FROM merged"
        ),
        span = SPAN,
        ahead = shape.merge("ahead", "", looking_ahead),
        end = end,
        has_others = if is_range { "low = ''" } else { "TRUE" },
        max_looked_at = max_looked_at,
        merged = shape.merge("merged", " || object", from_span),
        width = shape.width(),
        object = shape.object_of_line(),
        total_count = shape.total_count,
    )
}

/// The conversations of a contact: all of them are read and sorted, so that a write has no index of them to maintain.
/// The first row is the account's alone. The limit stands outside of the sorted query: inside, SQLite would read each
/// row twice. Reads 2 * limit + 6 rows at most, and the conversations of the contact.
fn list_of_contact(shape: &Shape) -> String {
    let (past, order) = shape.direction;
    let created = if shape.is_of_period { " AND found.created_at >= ?7 AND found.created_at < ?8" } else { "" };
    format!(
        as_caller!(
            "{span},
page (account, token, id, position) AS (
  SELECT account_id, token, NULL, NULL FROM caller
  UNION ALL
  SELECT NULL, NULL, id, position FROM (
    SELECT found.id, found.{position} AS position
    FROM conversations AS found INDEXED BY conversations_by_contact_and_group
    WHERE found.account_id = (SELECT account_id FROM caller) AND {narrow}
      AND found.{position} {past} ?4 AND inbox_state IN (VALUES {states}){created} AND NOT found.is_removed
    ORDER BY found.{position} {order}
  )
)
SELECT page.account, page.token, page.position, {object}{total_count}
FROM page
LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = (SELECT account_id FROM caller) AND found.id = page.id
LIMIT +?3 + 1"
        ),
        span = shape.span(),
        position = shape.position(),
        narrow = shape.narrow,
        states = shape.states.join(", "),
        created = created,
        past = past,
        order = order,
        object = shape.object(),
        total_count = shape.total_count,
    )
}

/// The newest message of a conversation in JSON, `null` where there is none or the caller must not read it: the text
/// between the object of the conversation without its closing brace and this brace. Reads one row for each
/// conversation.
macro_rules! last_message {
    ($account:literal, $conversation:literal) => {
        concat!(
            " || ',\"last_message\":' || coalesce(
    (
      SELECT newest.object FROM messages AS newest -- PRIMARY KEY (account_id, conversation_id, id)
      WHERE newest.account_id = ",
            $account,
            " AND newest.conversation_id = ",
            $conversation,
            " AND (SELECT scopes & 4 FROM caller)
      ORDER BY newest.id DESC LIMIT 1
    ),
    'null'
  )"
        )
    };
}

impl Shape<'_> {
    /// The column of the position.
    fn position(&self) -> &'static str {
        match self.sort {
            Sort::CreatedAt => "id",
            Sort::LastActiveAt => "activity",
        }
    }

    /// How many characters a position has.
    fn width(&self) -> usize {
        match self.sort {
            Sort::CreatedAt => 16,
            Sort::LastActiveAt => 23,
        }
    }

    /// A common table expression: the states, each a range of the index. The recursion is their merge. Its queue holds
    /// the next row of every range. What comes out first is the next row of the page, and the one behind it in its
    /// range goes in. A row is one text, the position and then `object`: a subquery gives one column.
    fn merge(&self, name: &str, object: &str, part: Part) -> String {
        let Part { source, first, condition, next_condition, rows } = part;
        let index = match (self.sort, self.of_group) {
            (Sort::CreatedAt, false) => "conversations_by_inbox",
            (Sort::CreatedAt, true) => "conversations_by_group_inbox",
            (Sort::LastActiveAt, false) => "conversations_by_activity",
            (Sort::LastActiveAt, true) => "conversations_by_group_activity",
        };
        let (past, order) = self.direction;
        format!(
            "{name} (account, token, state, line) AS (
  SELECT {source}.account_id, {source}.token, column1, (
    SELECT found.{position}{object} FROM conversations AS found INDEXED BY {index}
    WHERE found.account_id = {source}.account_id AND {narrow} AND inbox_state = column1
      AND found.{position} {past} {first}{condition} AND NOT found.is_removed
    ORDER BY found.{position} {order} LIMIT 1
  )
  FROM {source} JOIN (VALUES {states})
  UNION ALL
  SELECT account, token, state, (
    SELECT found.{position}{object} FROM conversations AS found INDEXED BY {index}
    WHERE found.account_id = {name}.account AND {narrow} AND inbox_state = {name}.state
      AND found.{position} {past} substr({name}.line, 1, {width}){next_condition} AND NOT found.is_removed
    ORDER BY found.{position} {order} LIMIT 1
  )
  FROM {name} WHERE line IS NOT NULL
  ORDER BY 4 {order} NULLS LAST
  LIMIT {rows}
)",
            position = self.position(),
            width = self.width(),
            narrow = self.narrow,
            states = self.states.join(", "),
        )
    }

    fn span(&self) -> &'static str {
        if self.is_of_period { SPAN } else { "" }
    }

    /// The column `object`, where `found` is the conversation.
    fn object(&self) -> &'static str {
        if self.with_last_message {
            concat!(
                "substr(found.object, 1, length(found.object) - 1)",
                last_message!("found.account_id", "found.id"),
                " || '}' AS object"
            )
        } else {
            "found.object"
        }
    }

    /// The column `object`, where `merged.line` is the position and the object.
    fn object_of_line(&self) -> String {
        let width = self.width();
        match self.with_last_message {
            true => format!(
                concat!(
                    "substr(line, {width} + 1, length(line) - {width} - 1)",
                    last_message!("merged.account", "substr(merged.line, {width} - 15, 16)"),
                    " || '}}' AS object"
                ),
                width = width
            ),
            false => format!("substr(line, {width} + 1) AS object"),
        }
    }
}

/// The column of the count: how many conversations a list has. Reads 1002 rows at most, of a group and a period one
/// more for each state, and all conversations of a contact.
fn count(narrow: &str, filter: &Filter, states: &[String], is_of_period: bool) -> String {
    let index = match (&filter.contact_id, &filter.group_id) {
        (Some(_), _) => "INDEXED BY conversations_by_contact_and_group",
        (None, Some(_)) => "INDEXED BY conversations_by_group_inbox",
        (None, None) if states.len() == 16 => "-- PRIMARY KEY (account_id, id)",
        (None, None) => "INDEXED BY conversations_by_inbox",
    };
    let states = match states.len() {
        // Without a period, the states of a group are one range. With one, each is a range of its own.
        16 if filter.group_id.is_none() || !is_of_period => String::new(),
        _ => [" AND inbox_state IN (", &states.join(", "), ")"].concat(),
    };
    let (source, matches, span) = match is_of_period {
        true => (
            "span",
            "found.created_at >= ?7 AND found.created_at < ?8",
            " AND found.id > span.low AND found.id < span.high",
        ),
        false => ("caller", "1", ""),
    };
    format!(
        total_count!(
            "SELECT {matches} AS matches
      FROM {source}
      JOIN conversations AS found {index}
        ON found.account_id = {source}.account_id AND {narrow}{states}{span} AND NOT found.is_removed"
        ),
        matches = matches,
        source = source,
        index = index,
        narrow = narrow,
        states = states,
        span = span,
    )
}

/// A page of conversations. With `ending_before` the rows come in reverse.
pub fn list(paging: &Paging, sort: Sort, content: &Content) -> Statement {
    let Content { filter, period, include } = content;
    let narrow = match (&filter.contact_id, &filter.group_id) {
        (None, None) => "?5 IS NULL AND ?6 IS NULL",
        (Some(_), None) => "found.contact_id = +?5 AND ?6 IS NULL",
        (None, Some(_)) => "?5 IS NULL AND found.group_id = +?6",
        (Some(_), Some(_)) => "found.contact_id = +?5 AND found.group_id = +?6",
    };
    let states = states_of(&filter.flags);
    let is_of_period = !period.is_all();
    let one_range = match (sort, states.len(), &filter.contact_id, &filter.group_id) {
        _ if is_of_period => None,
        (Sort::CreatedAt, 16, None, None) => Some("-- PRIMARY KEY (account_id, id)"),
        (Sort::CreatedAt, 16, Some(_), Some(_)) => Some("INDEXED BY conversations_by_contact_and_group"),
        _ => None,
    };
    let total_count = if include.total_count { count(narrow, filter, &states, is_of_period) } else { String::new() };
    let shape = Shape {
        sort,
        of_group: filter.group_id.is_some(),
        direction: paging.direction(),
        narrow,
        states: &states,
        is_of_period,
        with_last_message: include.last_message,
        total_count: &total_count,
    };
    let sql = match (one_range, &filter.contact_id) {
        (Some(index), _) => list_all(index, &shape),
        (None, Some(_)) => list_of_contact(&shape),
        (None, None) if is_of_period => list_of_period(&shape),
        (None, None) => list_merged(&shape),
    };
    let reference = |id: &Option<Reference>| id.as_ref().map(Reference::to_string).into();
    let mut parameters: Vec<Parameter> = vec![
        paging.limit.and_one_more().into(),
        paging.position().into(),
        reference(&filter.contact_id),
        reference(&filter.group_id),
    ];
    if is_of_period {
        parameters.extend(period.parameters());
    }
    Statement::new(sql, parameters)
}

/// Those of the sixteen values of `conversations.inbox_state` that the flags allow, each in parentheses.
fn states_of(flags: &Flags) -> Vec<String> {
    let bits = [(flags.pinned, 1), (flags.muted, 2), (flags.archived, 4), (flags.unread, 8)];
    let allowed = |state: &u8| bits.iter().all(|(flag, bit)| flag.is_none_or(|wanted| wanted == (state & bit != 0)));
    (0..16).filter(allowed).map(|state| format!("({state})")).collect()
}

// Creations: `?3` to `?5` are the request's identity (idempotency.rs). `?6` the contact, `?7` the group.

/// When the new conversation is created: the time of its id. So its id tells it, also where ids have run ahead of the
/// clock. Only where they are in the far future, it is the time of the clock.
macro_rules! created_at {
    () => {
        concat!("iif(ms < 3600000 + ", now_ms!(), ", ms / 1000, unixepoch())")
    };
}

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
  ?6, ?7, ",
            created_at!(),
            ", ?5
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

/// One conversation with its last message. The tag names the state of both.
const RETRIEVE_WITH_LAST_MESSAGE: &str = answer!(
    "caller.scopes, found.id AS position, found.tag || '.' || coalesce(newest.tag, '') AS tag,
  substr(found.object, 1, length(found.object) - 1) || ',\"last_message\":' || coalesce(newest.object, 'null') || '}'
    AS object",
    "LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = +?3 AND NOT found.is_removed
LEFT JOIN messages AS newest -- PRIMARY KEY (account_id, conversation_id, id)
  ON newest.account_id = found.account_id AND newest.conversation_id = found.id AND caller.scopes & 4
ORDER BY newest.id DESC LIMIT 1"
);

/// The statement of a retrieval with the last message.
pub fn retrieve_with_last_message(id: &Id) -> Statement {
    Statement::new(RETRIEVE_WITH_LAST_MESSAGE, [id.as_str().into()])
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
macro_rules! update {
    ($which:literal) => {
        as_caller!(concat!(
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
  AND ",
            $which,
            "
  AND NOT is_removed
  AND (?5 IS NULL OR instr(?5, '\"' || tag || '\"'))
  AND (?7 IS NULL OR EXISTS (
    SELECT 1 FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
    WHERE messages.account_id = conversations.account_id AND messages.conversation_id = conversations.id
      AND messages.id = ?7
  ))
  AND ",
            columns!(),
            " IS NOT ",
            updated!()
        ))
    };
}

const UPDATE: &str = update!("id = ?3");

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

/// The parameters of an update: those of its subject, and of its attributes. `ids` is the id, or a JSON list of them.
fn parameters(
    ids: Parameter,
    request_id: &Id,
    if_match: &Condition,
    changes: Update,
) -> ([Parameter; 5], [Parameter; 6]) {
    let subject = [
        ids,
        request_id.as_str().into(),
        if_match.tags().into(),
        changes.pinned_message_id.is_sent().into(),
        changes.pinned_message_id.value().map(|id| id.to_string()).into(),
    ];
    let attributes = [
        changes.is_pinned.into(),
        changes.is_muted.into(),
        changes.archived_at.is_sent().into(),
        changes.archived_at.value().map(Timestamp::seconds).into(),
        changes.last_opened_at.is_sent().into(),
        changes.last_opened_at.value().map(Timestamp::seconds).into(),
    ];
    (subject, attributes)
}

/// The statements of an update. The outcome is `updated`, `unchanged`, `outdated` or `foreign_pin`.
pub fn update(id: &Id, request_id: &Id, if_match: &Condition, changes: Update) -> [Statement; 2] {
    let (subject, attributes) = parameters(id.as_str().into(), request_id, if_match, changes);
    [Statement::new(UPDATE, [subject.as_slice(), &attributes].concat()), Statement::new(UPDATED, subject)]
}

/// The same for many: `?3` is a JSON list of ids.
const UPDATE_MANY: &str = update!("id IN (SELECT value FROM json_each(?3))");

/// The conversations of a JSON list of ids, `?3`, in its order, and a JSON list of those that are not there.
/// `?4` is the id of the request, which has logged its changes last.
const UPDATED_MANY: &str = answer!(
    after "(
    SELECT request_id FROM events -- PRIMARY KEY (account_id, seq)
    WHERE events.account_id = tokens.account_id
    ORDER BY seq DESC LIMIT 1
  ) = +?4",
    "caller.scopes, caller.is_watched,
  (
    SELECT json_group_array(value) FROM json_each(?3)
    WHERE NOT EXISTS (
      SELECT 1 FROM conversations -- PRIMARY KEY (account_id, id)
      WHERE account_id = (SELECT account_id FROM caller) AND id = value AND NOT is_removed
    )
  ) AS beside,
  found.id AS position, found.object",
    "LEFT JOIN json_each(?3) AS asked
LEFT JOIN conversations AS found -- PRIMARY KEY (account_id, id)
  ON found.account_id = caller.account_id AND found.id = asked.value AND NOT found.is_removed"
);

/// The statements of an update of many.
pub fn update_many(ids: &Ids, request_id: &Id, changes: Update) -> [Statement; 2] {
    let (subject, attributes) = parameters(ids.to_json().into(), request_id, &Condition::None, changes);
    let update = Statement::new(UPDATE_MANY, [subject.as_slice(), &attributes].concat());
    let [ids, request_id, ..] = subject;
    [update, Statement::new(UPDATED_MANY, [ids, request_id])]
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
