//! Deletion in steps (contract, "Delete"). A conversation that is too large for one step is only marked as removed: the
//! mark hides it and its messages from every statement. They are deleted a step at a time, by the request itself, by
//! later deletions of the account and by the sweep, and the conversation with the last of them. A step is a thousand
//! messages, but not many more than a million bytes of text, since long texts take as long as many: so no other request
//! waits for more than 50 ms.

/// The message `$message` is not one of a conversation that is being removed. Reads no row unless it is.
macro_rules! visible {
    ($message:literal) => {
        concat!(
            "NOT EXISTS (
    SELECT 1 FROM conversations AS removed INDEXED BY conversations_removed
    WHERE removed.account_id = ",
            $message,
            ".account_id AND removed.id = ",
            $message,
            ".conversation_id AND removed.is_removed
  )"
        )
    };
}
pub(crate) use visible;

/// The removed conversations that a step takes: the first 100 that match `$which`. It follows a `WITH`.
macro_rules! removed {
    ($which:expr) => {
        concat!(
            ",
removed (account_id, id) AS (
  SELECT account_id, id FROM conversations INDEXED BY conversations_removed
  WHERE is_removed AND ",
            $which,
            "
  ORDER BY id LIMIT 100
)"
        )
    };
}
pub(crate) use removed;

/// Deletes the messages of [`removed!`] conversations that one step allows.
macro_rules! delete_messages {
    ($which:expr) => {
        concat!(
            $crate::removal::removed!($which),
            "
DELETE FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
WHERE (account_id, conversation_id, id) IN (
  SELECT account_id, conversation_id, id FROM (
    SELECT *, sum(bytes) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM (
      SELECT message.account_id, message.conversation_id, message.id, octet_length(message.message) AS bytes
      FROM removed
      CROSS JOIN messages AS message -- PRIMARY KEY (account_id, conversation_id, id)
        ON message.account_id = removed.account_id AND message.conversation_id = removed.id
      LIMIT 1000
    )
  )
  WHERE coalesce(bytes_before, 0) < 1000000
)"
        )
    };
}
pub(crate) use delete_messages;
