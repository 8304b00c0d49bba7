//! Deliveries (contract, "Webhooks"): what is due for the endpoints of an account, what came of an attempt, and when
//! the next one is. The database is the only memory: who delivers (`platform/dispatcher.rs`) may end at any moment, and
//! then the event in flight is sent again.

use serde::Serialize;

use crate::{
    events::sql::{id as event_id, join_objects, kind as event_type, object as event_object},
    query::{Parameter, Statement},
};

/// Seconds until the next attempt, after the first failure, the second, and so on. The last one repeats.
const SCHEDULE: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// What `Retry-After` may ask for, in seconds.
const RETRY_AFTER: (u64, u64) = (5, 86_400);
/// The status that says that the endpoint is gone for ever (RFC 9110, section 15.5.11).
const GONE: u16 = 410;

/// What an endpoint is to be sent, or why it is not sent anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// The event after its position that is of its types.
    Event,
    /// A ping, which is not part of the log.
    Ping,
    /// None of the next events is of its types: its position moves on.
    Pass,
    /// The log does not have the event after its position any more.
    Expire,
}

/// Something to do for an endpoint.
#[derive(Clone, Debug)]
pub struct Due {
    /// The endpoint's id.
    pub webhook: String,
    /// What is to be done.
    pub task: Task,
    /// Its settings, by the request that made them.
    pub settings: String,
    /// Its position: a number in the log.
    pub position: i64,
    /// The position after it.
    pub next: i64,
    /// The id of the event, of the ping, or of the last event that is passed.
    pub event_id: String,
    /// The event's type.
    pub event_type: Option<String>,
    /// How many attempts have failed since the last success.
    pub failures: usize,
    /// The number of the attempt: one more than there were.
    pub number: i64,
}

/// What came of an attempt.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The status of the response. None where none came.
    pub status: Option<u16>,
    /// Why there was no response, or no whole one.
    pub error: Option<String>,
    /// Milliseconds.
    pub duration: u64,
    /// The seconds that the response asks to wait.
    pub retry_after: Option<u64>,
}

/// What is to be written when something was done.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The endpoint's id.
    pub webhook: String,
    settings: String,
    position: i64,
    /// The new position. None where it stays.
    next: Option<i64>,
    event_id: String,
    /// The event's type. None where there was no attempt.
    #[serde(rename = "type")]
    event_type: Option<String>,
    status: Option<u16>,
    error: Option<String>,
    duration: u64,
    number: i64,
    /// Seconds until the next attempt. None unless this one failed.
    delay: Option<u64>,
    /// Why the endpoint is disabled.
    reason: Option<&'static str>,
}

impl Due {
    /// The outcome of something that needs no attempt.
    pub fn done(self) -> Outcome {
        let is_expired = self.task == Task::Expire;
        let done = Outcome { event_type: None, ..self.outcome(Reply::default()) };
        if is_expired { Outcome { next: None, reason: Some("position_expired"), ..done } } else { done }
    }

    /// The outcome of an attempt. `random` lengthens the delay to the next one, by a tenth at most, so that attempts
    /// which failed together don't come back together.
    pub fn attempted(self, reply: Reply, random: u8) -> Outcome {
        let is_delivered = reply.error.is_none() && reply.status.is_some_and(|status| (200..300).contains(&status));
        if is_delivered || self.task == Task::Ping {
            let next = (self.task != Task::Ping).then_some(self.next);
            return Outcome { next, ..self.outcome(reply) };
        }
        let scheduled = SCHEDULE.get(self.failures).or(SCHEDULE.last()).copied().unwrap_or_default();
        let delay = reply.retry_after.map_or(scheduled, |seconds| seconds.clamp(RETRY_AFTER.0, RETRY_AFTER.1));
        let reason = (reply.status == Some(GONE)).then_some("gone");
        Outcome { next: None, delay: Some(delay + delay * u64::from(random) / 2550), reason, ..self.outcome(reply) }
    }

    fn outcome(self, reply: Reply) -> Outcome {
        Outcome {
            webhook: self.webhook,
            settings: self.settings,
            position: self.position,
            next: Some(self.next),
            event_id: self.event_id,
            event_type: self.event_type,
            status: reply.status,
            error: reply.error,
            duration: reply.duration,
            number: self.number,
            delay: None,
            reason: None,
        }
    }
}

// The statements of a round. In all of them `?1` is the account; in those that write, `?2` is the list of outcomes.

/// The outcomes as rows.
macro_rules! outcomes {
    () => {
        "(
  SELECT
    value ->> 'webhook' AS webhook,
    value ->> 'settings' AS settings,
    value ->> 'position' AS position,
    value ->> 'next' AS next,
    value ->> 'event_id' AS event_id,
    value ->> 'type' AS type,
    value ->> 'status' AS status,
    value ->> 'error' AS error,
    value ->> 'duration' AS duration,
    value ->> 'number' AS number,
    value ->> 'delay' AS delay,
    value ->> 'reason' AS reason
  FROM json_each(?2)
) AS outcome"
    };
}

/// Whether a success moves the position: not where a caller has moved it since.
macro_rules! moves {
    () => {
        "(outcome.next IS NOT NULL AND webhooks.seq = outcome.position)"
    };
}

/// Whether a failure counts: not where a caller has changed the endpoint since.
macro_rules! fails {
    () => {
        "(coalesce(outcome.delay, outcome.reason) IS NOT NULL AND webhooks.is_enabled AND NOT webhooks.is_held
    AND webhooks.seq = outcome.position AND webhooks.changed_by = outcome.settings)"
    };
}

/// Moves positions on, and plans the next attempts. One row for each outcome: an endpoint that was deleted has none.
/// What was written by a call whose answer got lost is not written again.
const WRITE: &str = concat!(
    "\
UPDATE webhooks -- PRIMARY KEY (account_id, id)
SET
  attempts = attempts + (outcome.type IS NOT NULL),
  ping_id = nullif(ping_id, outcome.event_id),
  (seq, last_event_id, failures, failing_since, next_attempt_at) = (
    SELECT
      iif(moves, outcome.next, seq),
      iif(moves, outcome.event_id, last_event_id),
      iif(moves, 0, failures + fails),
      iif(moves, NULL, iif(fails, coalesce(failing_since, unixepoch()), failing_since)),
      iif(moves, NULL, iif(fails, unixepoch() + outcome.delay, next_attempt_at))
    FROM (SELECT ",
    moves!(),
    " AS moves, ",
    fails!(),
    " AS fails)
  )
FROM ",
    outcomes!(),
    "
WHERE webhooks.account_id = ?1 AND webhooks.id = outcome.webhook AND webhooks.attempts = outcome.number - 1
  AND NOT webhooks.is_held"
);

/// Disables those that have failed for five days, and those whose outcome says why. It is a statement of its own, so
/// that a success does not write the index of those that are enabled.
const DISABLE: &str = concat!(
    "\
UPDATE webhooks -- PRIMARY KEY (account_id, id)
SET is_enabled = 0, disabled_reason = coalesce(outcome.reason, 'failing'), next_attempt_at = NULL
FROM ",
    outcomes!(),
    "
WHERE webhooks.account_id = ?1 AND webhooks.id = outcome.webhook
  AND ",
    fails!(),
    "
  AND (outcome.reason IS NOT NULL OR webhooks.failing_since <= unixepoch() - 432000)"
);

/// Notes the attempts, each in the slot of the one that was a hundred before it.
const NOTE: &str = concat!(
    "\
INSERT INTO webhook_attempts -- PRIMARY KEY (account_id, webhook_id, slot)
  (account_id, webhook_id, slot, number, event_id, type, created_at, status, error, duration)
SELECT
  ?1, webhooks.id, outcome.number % 100, outcome.number, outcome.event_id, outcome.type,
  unixepoch() - outcome.duration / 1000, outcome.status, outcome.error, outcome.duration
FROM ",
    outcomes!(),
    "
CROSS JOIN webhooks -- PRIMARY KEY (account_id, id)
  ON webhooks.account_id = ?1 AND webhooks.id = outcome.webhook AND NOT webhooks.is_held
WHERE outcome.type IS NOT NULL
ON CONFLICT (account_id, webhook_id, slot) DO UPDATE SET
  number = excluded.number, event_id = excluded.event_id, type = excluded.type, created_at = excluded.created_at,
  status = excluded.status, error = excluded.error, duration = excluded.duration"
);

/// The bit of an event in `webhooks.types`.
macro_rules! type_bit {
    () => {
        "iif(message_id IS NULL, 1, 8) * CASE change WHEN 'created' THEN 1 WHEN 'updated' THEN 2 ELSE 4 END"
    };
}

/// What is due for the endpoints that are not busy (`?2`, a list of ids), the furthest behind first, `?3` at most; and
/// in each row how many endpoints are enabled, and the seconds until the next attempt that is planned, if there is one.
/// One row at least. Where none of the next thousand events is of an endpoint's types, they are passed, if they are
/// `?4` at least: passing one at a time would write as much as delivering. Reads a row for each endpoint of the
/// account, and six for each that something is due for.
const DUE: &str = concat!(
    "\
WITH log (newest, oldest) AS MATERIALIZED (
  SELECT
    coalesce((SELECT max(seq) FROM events WHERE account_id = ?1), 0), -- PRIMARY KEY (account_id, seq)
    coalesce((SELECT min(seq) FROM events WHERE account_id = ?1), 0)
),
endpoint AS MATERIALIZED (
  SELECT
    webhooks.*,
    CASE
      WHEN is_held OR id IN (SELECT value FROM json_each(?2)) THEN NULL
      WHEN ping_id IS NOT NULL THEN 'ping'
      WHEN NOT is_enabled OR seq >= newest OR next_attempt_at > unixepoch() THEN NULL
      WHEN seq + 1 < oldest THEN 'expire'
      ELSE 'event'
    END AS task,
    min(newest, seq + 1000) AS last_passed
  FROM webhooks -- PRIMARY KEY (account_id, id)
  JOIN log
  WHERE account_id = ?1
),
planned AS (
  SELECT
    account_id, id AS webhook, task, url, salt, previous_salt, previous_until, changed_by AS settings,
    seq AS position, failures, attempts + 1 AS number, scopes, ping_id, last_passed,
    CASE task
      WHEN 'event' THEN (
        SELECT event.seq FROM events AS event -- PRIMARY KEY (account_id, seq)
        WHERE event.account_id = ?1 AND event.seq > endpoint.seq AND event.seq <= last_passed
          AND (endpoint.types IS NULL OR endpoint.types & ",
    type_bit!(),
    ")
        ORDER BY event.seq LIMIT 1
      )
    END AS next
  FROM endpoint
  WHERE task IS NOT NULL
  ORDER BY seq LIMIT +?3
),
page AS (
  SELECT
    planned.account_id,
    webhook,
    CASE WHEN task = 'event' AND next IS NULL THEN 'pass' ELSE task END AS task,
    url,
    salt,
    iif(previous_until > unixepoch(), previous_salt, NULL) AS previous_salt,
    settings,
    position,
    coalesce(event.seq, position) AS next,
    failures,
    number,
    scopes,
    task = 'event' AND next IS NOT NULL AS is_shown,
    iif(task = 'ping', ping_id, ",
    event_id!(),
    ") AS id,
    iif(task = 'ping', 'webhook.ping', ",
    event_type!(),
    ") AS type,
    iif(task = 'ping', unixepoch(), event.created_at) AS created_at,
    conversation_id, message_id, request_id
  FROM planned
  LEFT JOIN events AS event -- PRIMARY KEY (account_id, seq)
    ON event.account_id = ?1 AND event.seq = coalesce(next, iif(task = 'event', last_passed, NULL))
  WHERE task <> 'event' OR next IS NOT NULL OR last_passed - position >= ?4
)
SELECT
  (SELECT count(*) FROM endpoint WHERE is_enabled) AS endpoints,
  (
    SELECT min(next_attempt_at) - unixepoch() FROM endpoint WHERE is_enabled AND next_attempt_at > unixepoch()
  ) AS wait,
  webhook, task, url, salt, previous_salt, settings, position, next, failures, number, page.id AS event_id, page.type,
  '{\"type\":\"' || page.type
    || '\",\"timestamp\":\"' || strftime('%Y-%m-%dT%H:%M:%SZ', page.created_at, 'unixepoch')
    || '\",\"data\":' || iif(
      task = 'ping',
      json_object('id', page.id, 'type', page.type, 'created_at', page.created_at, 'webhook_id', webhook),
      ",
    event_object!(),
    "
    ) || '}' AS body
FROM (SELECT 1)
LEFT JOIN page ON TRUE",
    join_objects!()
);

/// How many events of other types are worth a write: few when it is the sweep that asks, once a minute at most.
const WORTH_PASSING: [i64; 2] = [100, 1];

/// The statements of a round: writes outcomes, then finds what is due for the endpoints that are not `busy`, `limit` at
/// most. `is_thorough` says whether the sweep, or a change of an endpoint, asks.
pub fn round(outcomes: &[Outcome], busy: &[String], limit: usize, is_thorough: bool) -> Vec<Statement> {
    let writes: &[&'static str] = match outcomes {
        [] => &[],
        outcomes if outcomes.iter().any(|outcome| outcome.delay.is_some() || outcome.reason.is_some()) => {
            &[WRITE, DISABLE, NOTE]
        }
        _ => &[WRITE, NOTE],
    };
    // Strings and numbers have no way to fail to serialize.
    let json = |value: Result<String, serde_json::Error>| Parameter::from(value.unwrap_or_default());
    let outcomes = json(serde_json::to_string(outcomes));
    let [usual, thorough] = WORTH_PASSING;
    let due: [Parameter; 3] = [
        json(serde_json::to_string(busy)),
        i64::try_from(limit).unwrap_or_default().into(),
        if is_thorough { thorough } else { usual }.into(),
    ];
    let writes = writes.iter().map(|sql| Statement::new(*sql, [outcomes.clone()]));
    writes.chain([Statement::new(DUE, due)]).collect()
}

/// How many accounts a call looks at.
pub const WATCHED_ACCOUNTS: usize = 500;

/// Accounts after `?1` with endpoints that are enabled, `?2` at most, and whether one of these endpoints is
/// behind and due, or has a ping to send. Reads two rows for each endpoint.
const BEHIND: &str = "\
WITH watched (account_id) AS MATERIALIZED (
  SELECT DISTINCT account_id FROM webhooks INDEXED BY webhooks_enabled
  WHERE is_enabled AND account_id > ?1
  ORDER BY account_id LIMIT ?2
)
SELECT
  watched.account_id AS account,
  EXISTS (
    SELECT 1 FROM webhooks -- PRIMARY KEY (account_id, id)
    WHERE webhooks.account_id = watched.account_id AND NOT is_held
      AND (
        ping_id IS NOT NULL
        OR is_enabled
          AND coalesce(next_attempt_at, 0) <= unixepoch()
          AND seq < (SELECT max(seq) FROM events WHERE events.account_id = watched.account_id)
      )
  ) AS is_behind
FROM watched
ORDER BY account_id";

/// The statement with which the sweep looks for what is behind, after an account.
pub fn behind(account: i64) -> Statement {
    Statement::new(BEHIND, [account.into(), (WATCHED_ACCOUNTS as i64).into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(task: Task, failures: usize) -> Due {
        Due {
            webhook: "w".to_owned(),
            task,
            settings: "s".to_owned(),
            position: 4,
            next: 5,
            event_id: "e".to_owned(),
            event_type: Some("message.created".to_owned()),
            failures,
            number: 1,
        }
    }

    fn answered(status: u16) -> Reply {
        Reply { status: Some(status), ..Reply::default() }
    }

    #[test]
    fn a_whole_answer_of_2xx_moves_the_position() {
        for status in [200, 204, 299] {
            let outcome = due(Task::Event, 3).attempted(answered(status), 0);
            assert_eq!((outcome.next, outcome.delay, outcome.reason), (Some(5), None, None));
        }
        let broken = Reply { error: Some("response_incomplete".to_owned()), ..answered(200) };
        for reply in [Reply::default(), broken, answered(199), answered(302), answered(404), answered(500)] {
            let outcome = due(Task::Event, 0).attempted(reply, 0);
            assert_eq!((outcome.next, outcome.delay, outcome.reason), (None, Some(5), None));
        }
    }

    #[test]
    fn delays_follow_the_schedule_and_its_last_one_repeats() {
        let delay = |failures, random| due(Task::Event, failures).attempted(answered(500), random).delay;
        for (failures, seconds) in SCHEDULE.iter().enumerate() {
            assert_eq!(delay(failures, 0), Some(*seconds));
            assert_eq!(delay(failures, 255), Some(seconds + seconds / 10));
        }
        assert_eq!(delay(100, 0), Some(86_400));
    }

    #[test]
    fn what_the_response_asks_for_takes_the_place_of_the_schedule() {
        let delay = |failures, retry_after| {
            let reply = Reply { retry_after: Some(retry_after), ..answered(429) };
            due(Task::Event, failures).attempted(reply, 0).delay
        };
        assert_eq!(delay(0, 60), Some(60));
        assert_eq!(delay(5, 60), Some(60));
        assert_eq!(delay(0, 0), Some(5));
        assert_eq!(delay(0, 1_000_000), Some(86_400));
    }

    #[test]
    fn an_endpoint_that_is_gone_is_disabled() {
        assert_eq!(due(Task::Event, 0).attempted(answered(410), 0).reason, Some("gone"));
        assert_eq!(due(Task::Ping, 0).attempted(answered(410), 0).reason, None);
    }

    #[test]
    fn a_ping_neither_moves_the_position_nor_fails() {
        for reply in [answered(200), answered(500), Reply::default()] {
            let outcome = due(Task::Ping, 0).attempted(reply, 0);
            assert_eq!((outcome.next, outcome.delay), (None, None));
        }
    }

    #[test]
    fn a_position_that_the_log_lost_disables() {
        let outcome = due(Task::Expire, 0).done();
        assert_eq!((outcome.next, outcome.reason), (None, Some("position_expired")));
        assert_eq!(due(Task::Pass, 0).done().next, Some(5));
    }

    #[test]
    fn only_a_failure_looks_for_what_to_disable() {
        let statements = |outcomes: &[Outcome]| round(outcomes, &[], 1, false).len();
        assert_eq!(statements(&[]), 1);
        assert_eq!(statements(&[due(Task::Event, 0).attempted(answered(200), 0)]), 3);
        assert_eq!(statements(&[due(Task::Event, 0).attempted(answered(500), 0)]), 4);
    }
}
