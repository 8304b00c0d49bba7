//! The SQL of the sweep. No caller asks for it: the statements choose the accounts themselves, with bounds on each step
//! that keep requests from waiting more than 50 ms.

use crate::removal::delete_messages;

/// Deletes the [`removed!`] conversations that have no messages left.
macro_rules! remove_conversations {
    ($which:expr) => {
        concat!(
            $crate::removal::removed!($which),
            "
DELETE FROM conversations -- PRIMARY KEY (account_id, id)
WHERE (account_id, id) IN (
  SELECT account_id, id FROM removed
  WHERE NOT EXISTS (
    SELECT 1 FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
    WHERE messages.account_id = removed.account_id AND messages.conversation_id = removed.id
  )
)"
        )
    };
}

/// A statement for the next account with a removed conversation after `?1`, and after the last the first again: so an
/// account that has millions of messages to delete holds up no other. `?1` may be any number: one beyond the last
/// account starts somewhere between.
macro_rules! in_turn {
    ($sql:expr) => {
        concat!(
            "\
WITH next (account_id) AS (
  SELECT coalesce(
    (
      SELECT min(account_id) FROM conversations INDEXED BY conversations_removed
      WHERE is_removed AND account_id > ?1 % (
        SELECT 1 + max(account_id) FROM conversations INDEXED BY conversations_removed WHERE is_removed
      )
    ),
    (SELECT min(account_id) FROM conversations INDEXED BY conversations_removed WHERE is_removed)
  )
)",
            $sql
        )
    };
}

/// A step of the deletions. The first statement names the account.
pub const REMOVE: &[&str] = &[
    in_turn!("\nSELECT account_id AS account FROM next"),
    in_turn!(delete_messages!("account_id = (SELECT account_id FROM next)")),
    in_turn!(remove_conversations!("account_id = (SELECT account_id FROM next)")),
];

/// The accounts whose move did not end within a minute.
macro_rules! held_too_long {
    () => {
        "(SELECT id FROM accounts INDEXED BY accounts_held WHERE held_at <= unixepoch() - 60)"
    };
}

/// Deletes idempotency keys that have expired, the oldest first. And lets the requests of accounts go on that wait for
/// a move which has ended early (`npm run databases -- move`).
pub const EXPIRE: &[&str] = &[
    "\
DELETE FROM idempotency_keys -- PRIMARY KEY (account_id, key)
WHERE (account_id, key) IN (
  SELECT account_id, key FROM idempotency_keys INDEXED BY idempotency_keys_by_expiry
  WHERE expires_at <= unixepoch()
  ORDER BY expires_at LIMIT 1000
)",
    concat!(
        "\
UPDATE tokens INDEXED BY tokens_by_account
SET scopes = held_scopes, held_scopes = NULL
WHERE held_scopes IS NOT NULL AND account_id IN ",
        held_too_long!()
    ),
    concat!(
        "\
UPDATE webhooks -- PRIMARY KEY (account_id, id)
SET is_held = 0
WHERE is_held AND account_id IN ",
        held_too_long!()
    ),
    "\
UPDATE accounts INDEXED BY accounts_held
SET held_at = NULL
WHERE held_at <= unixepoch() - 60",
];

/// Deletes events that were kept for `?1` days, the oldest first: of ten accounts at most, which share a thousand. The
/// minute chooses which two thousand accounts are looked at, as in [`NOTICE`]. The newest event of an account stays:
/// the next one's number follows from it. So does all that comes after an event to be kept, whatever the clock said:
/// the log has no gaps. Reads three rows for each account, and seven for each event, of which it writes one.
pub const TRIM: &[&str] = &["\
WITH old (account_id, seq, newest) AS MATERIALIZED (
  SELECT oldest.account_id, oldest.seq, (
    SELECT max(seq) FROM events WHERE events.account_id = accounts.id -- PRIMARY KEY (account_id, seq)
  )
  FROM accounts -- PRIMARY KEY (id)
  CROSS JOIN events AS oldest -- PRIMARY KEY (account_id, seq)
    ON oldest.account_id = accounts.id
    AND oldest.seq = (SELECT min(seq) FROM events WHERE events.account_id = accounts.id)
  WHERE accounts.id > 2000 * (unixepoch() / 60 % (SELECT 1 + max(id) / 2000 FROM accounts))
    AND accounts.id <= 2000 * (unixepoch() / 60 % (SELECT 1 + max(id) / 2000 FROM accounts)) + 2000
    AND oldest.created_at <= unixepoch() - 86400 * ?1
    AND oldest.seq < (SELECT max(seq) FROM events WHERE events.account_id = accounts.id)
  LIMIT 10
),
share (events) AS MATERIALIZED (SELECT 1000 / count(*) FROM old)
DELETE FROM events -- PRIMARY KEY (account_id, seq)
WHERE (account_id, seq) IN (
  SELECT account_id, seq
  FROM (
    SELECT
      event.account_id,
      event.seq,
      max(event.created_at) OVER (PARTITION BY event.account_id ORDER BY event.seq) AS latest
    FROM old
    CROSS JOIN events AS event -- PRIMARY KEY (account_id, seq)
      ON event.account_id = old.account_id
      AND event.seq BETWEEN old.seq AND min(old.newest, old.seq + (SELECT events FROM share)) - 1
  )
  WHERE latest <= unixepoch() - 86400 * ?1
)"];

/// Counts conversations and messages of the account, from the ids in the columns `$from` on, as many of each as `share`
/// allows: how many, how many bytes of text, up to which ids, and whether these were the last.
macro_rules! count {
    ($from:literal, $conversations:literal, $messages:literal) => {
        concat!(
            "(
    SELECT
      count(*) AS objects,
      coalesce(sum(bytes), 0) AS bytes,
      max(accounts.",
            $from,
            "_conversation_id, coalesce(max(conversation_id), '')) AS conversation_id,
      max(accounts.",
            $from,
            "_message_id, coalesce(max(message_id), '')) AS message_id,
      max(count(conversation_id), count(message_id)) < (SELECT objects FROM share) AS is_done
    FROM (
      SELECT * FROM (
        SELECT id AS conversation_id, NULL AS message_id, 0 AS bytes
        FROM conversations -- PRIMARY KEY (account_id, id)
        WHERE account_id = accounts.id AND id > accounts.",
            $from,
            "_conversation_id AND ",
            $conversations,
            "
        ORDER BY id LIMIT (SELECT objects FROM share)
      )
      UNION ALL
      SELECT * FROM (
        SELECT NULL, id, octet_length(message)
        FROM messages INDEXED BY messages_by_id
        WHERE account_id = accounts.id AND id > accounts.",
            $from,
            "_message_id AND ",
            $messages,
            "
        ORDER BY id LIMIT (SELECT objects FROM share)
      )
    )
  )"
        )
    };
}

/// Makes those accounts due that have something new. The minute chooses which two thousand accounts are looked at. So
/// creations have nothing to note, and an account that does not grow is not written. Reads three rows for each account.
const NOTICE: &str = "\
UPDATE accounts -- PRIMARY KEY (id)
SET count_at = unixepoch()
WHERE id > 2000 * (unixepoch() / 60 % (SELECT 1 + max(id) / 2000 FROM accounts))
  AND id <= 2000 * (unixepoch() / 60 % (SELECT 1 + max(id) / 2000 FROM accounts)) + 2000
  AND count_at > unixepoch()
  AND (
    counted_message_id < (SELECT max(id) FROM messages INDEXED BY messages_by_id WHERE account_id = accounts.id)
    OR counted_conversation_id < (SELECT max(id) FROM conversations WHERE account_id = accounts.id)
  )";

/// Counts the ten accounts that have been due longest. They share a step: 500 conversations and 500 messages that are
/// new, and as many again where the count from the start is under way. Where more is left, the account is due again,
/// behind the others. Otherwise it is due for its next count from the start: after a week, or a day while it is full.
/// Writes two rows for each account.
pub const COUNT: &[&str] = &[
    NOTICE,
    concat!(
        "\
WITH due (id) AS MATERIALIZED (
  SELECT id FROM accounts INDEXED BY accounts_by_count_at
  WHERE count_at <= unixepoch()
  ORDER BY count_at LIMIT 10
),
share (objects) AS MATERIALIZED (SELECT 500 / count(*) FROM due)
UPDATE accounts -- PRIMARY KEY (id)
SET (
  objects, bytes, counted_conversation_id, counted_message_id,
  recounted_objects, recounted_bytes, recounted_conversation_id, recounted_message_id,
  recount_at, count_at
) = (
  SELECT
    iif(again.is_done, again.total, accounts.objects) + new.objects,
    iif(again.is_done, again.total_bytes, accounts.bytes) + new.bytes,
    new.conversation_id,
    new.message_id,
    iif(again.is_done, 0, again.total),
    iif(again.is_done, 0, again.total_bytes),
    iif(again.is_done, '', again.conversation_id),
    iif(again.is_done, '', again.message_id),
    iif(again.is_done, again.next_at, accounts.recount_at),
    CASE
      WHEN NOT new.is_done THEN unixepoch()
      WHEN again.is_done THEN again.next_at
      ELSE max(unixepoch(), accounts.recount_at)
    END
  FROM ",
        count!("counted", "TRUE", "TRUE"),
        " AS new
  JOIN (
    SELECT
      accounts.recounted_objects + objects AS total,
      accounts.recounted_bytes + bytes AS total_bytes,
      conversation_id,
      message_id,
      is_done AND accounts.recount_at <= unixepoch() AS is_done,
      unixepoch() + iif(accounts.is_full, 86400, 604800) AS next_at
    FROM ",
        count!(
            "recounted",
            "id <= accounts.counted_conversation_id AND accounts.recount_at <= unixepoch()",
            "id <= accounts.counted_message_id AND accounts.recount_at <= unixepoch()"
        ),
        "
  ) AS again
)
WHERE id IN (SELECT id FROM due)"
    ),
];
