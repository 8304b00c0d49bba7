//! Deletion in steps (contract, "Delete"). A conversation with more than [`STEP`] messages is only marked as removed: the
//! mark hides it and its messages from every statement. They are deleted a step at a time, by the request itself, by
//! later deletions of the account and by the sweep, and the conversation with the last of them.

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
