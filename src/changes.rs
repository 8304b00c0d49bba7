//! The log of changes (contract, "Events"): how it is written. The database logs every change itself
//! (migrations/0007_events.sql). With a request's deletion it is the other way round: the request writes the event, and
//! the database deletes what it names. So no change lacks its event, and no event its change, whatever happens between
//! two statements of a request. How the log is read: `events/`.

/// Logs the deletion of the object that `$from` joins to the caller on the condition `$condition`, and so deletes it.
/// Its `$ids` are those of its conversation and its message. `?5` is the request's id.
macro_rules! log_deletion {
    ($ids:literal, $from:expr, $condition:expr) => {
        $crate::query::as_caller!(concat!(
            "
INSERT INTO events (account_id, seq, change, conversation_id, message_id, request_id, created_at, newest_id_times)
SELECT
  caller.account_id, coalesce(newest.seq, 0) + 1, 'deleted', ",
            $ids,
            ", ?5, unixepoch(), coalesce(newest.newest_id_times, '00000000000000')
FROM caller
",
            $from,
            "
LEFT JOIN events AS newest -- PRIMARY KEY (account_id, seq)
  ON newest.account_id = caller.account_id
WHERE ",
            $condition,
            "
ORDER BY newest.seq DESC LIMIT 1"
        ))
    };
}
pub(crate) use log_deletion;

/// Whether the newest event of the account `$account` is of this request, whose id is `?5`.
macro_rules! logged {
    ($account:literal) => {
        concat!(
            "(
    SELECT request_id FROM events -- PRIMARY KEY (account_id, seq)
    WHERE events.account_id = ",
            $account,
            "
    ORDER BY seq DESC LIMIT 1
  ) = +?5"
        )
    };
}
pub(crate) use logged;
