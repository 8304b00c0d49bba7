//! The database's clock, in SQL. It alone decides what depends on time: whether a token is valid, when an object was
//! created and what its id is, which message came last (contract, "One clock"). No statement takes a time that the
//! Worker read.
//!
//! A statement reads the clock once, but each statement of a transaction reads it anew. So the first write of a request
//! decides, and what follows goes by that write, not by the clock (`as_caller!(after …)` in `query.rs`).

/// The digits of base62, in the order in which SQLite and every byte-wise comparison sort them.
macro_rules! digits {
    () => {
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    };
}
pub(crate) use digits;

/// The time in milliseconds since the Unix epoch.
macro_rules! now_ms {
    () => {
        "CAST(1000 * unixepoch('subsec') AS INTEGER)"
    };
}
pub(crate) use now_ms;

/// A common table expression that has the column `digits`, which [`next_ms!`] and [`new_id!`] need.
macro_rules! base62 {
    () => {
        concat!(",\nbase62 (digits) AS (SELECT '", $crate::clock::digits!(), "')")
    };
}
pub(crate) use base62;

/// What the newest id that the account `$account` has given to a conversation or to a message begins with. The log
/// knows it, also when that object was deleted. Reads one row.
macro_rules! newest_id {
    (conversation of $account:literal) => {
        $crate::clock::newest_id!("1" of $account)
    };
    (message of $account:literal) => {
        $crate::clock::newest_id!("8" of $account)
    };
    ($at:literal of $account:literal) => {
        concat!(
            "(SELECT substr(newest_id_times, ",
            $at,
            ", 7) FROM events -- PRIMARY KEY (account_id, seq)
        WHERE events.account_id = ",
            $account,
            " ORDER BY seq DESC LIMIT 1)"
        )
    };
}
pub(crate) use newest_id;

/// The time in milliseconds, but at least one more than the newest id (`$newest`, an expression) begins with. So ids
/// rise in the order in which transactions commit, under any load, and also when the clock jumps back. `digits` is in
/// scope.
macro_rules! next_ms {
    ($newest:expr) => {
        concat!(
            "max(",
            $crate::clock::now_ms!(),
            ", coalesce(1 + (
    SELECT
      (instr(digits, substr(newest, 1, 1)) - 1) * 56800235584
        + (instr(digits, substr(newest, 2, 1)) - 1) * 916132832
        + (instr(digits, substr(newest, 3, 1)) - 1) * 14776336
        + (instr(digits, substr(newest, 4, 1)) - 1) * 238328
        + (instr(digits, substr(newest, 5, 1)) - 1) * 3844
        + (instr(digits, substr(newest, 6, 1)) - 1) * 62
        + (instr(digits, substr(newest, 7, 1)) - 1)
    FROM (
      SELECT ",
            $newest,
            " AS newest
      LIMIT 1 -- So `newest` is found once. Without it SQLite finds it for each digit.
    )
    WHERE newest <> ''
  ), 0))"
        )
    };
}
pub(crate) use next_ms;

/// Common table expressions for an INSERT that makes a new id: [`base62!`], and `moment` with the caller's account and
/// the time. No row when the token lacks the scope.
macro_rules! moment {
    ($newest:expr) => {
        concat!(
            $crate::clock::base62!(),
            ",
moment (account_id, is_full, digits, ms) AS (
  SELECT account_id, is_full, digits, ",
            $crate::clock::next_ms!($newest),
            "
  FROM caller JOIN base62
  WHERE account_id > 0
  LIMIT 1 -- So `ms` is computed once. Without it SQLite computes it for each digit.
)"
        )
    };
}
pub(crate) use moment;

/// The id of a new object: `moment`, and the random part of the request's id (`?5`). Seven digits hold milliseconds
/// until the year 2081.
macro_rules! new_id {
    () => {
        "substr(digits, 1 + ms / 56800235584 % 62, 1)
    || substr(digits, 1 + ms / 916132832 % 62, 1)
    || substr(digits, 1 + ms / 14776336 % 62, 1)
    || substr(digits, 1 + ms / 238328 % 62, 1)
    || substr(digits, 1 + ms / 3844 % 62, 1)
    || substr(digits, 1 + ms / 62 % 62, 1)
    || substr(digits, 1 + ms % 62, 1)
    || substr(?5, 8)"
    };
}
pub(crate) use new_id;
