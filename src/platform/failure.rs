//! Why a call to D1 failed, by the texts of its documentation ("Debug D1", list of D1_ERRORs), and when to try again.

use std::time::Duration;

use crate::{
    http::error::{Code, Error},
    id::Id,
};

/// A failed call to D1.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection or the machine: the same call may succeed now. Whether it took effect is unknown.
    Passing(String),
    /// Another process was writing the file of the local database. A transaction gets the lock before its first write,
    /// so nothing was done.
    Locked(String),
    /// Too much at once: calling again at once makes it worse.
    Overload(String),
    /// A statement names a table or a column that is not there: the Worker and the tables are of different versions, as
    /// between the two steps of a deployment. SQLite rejects such a statement, so its transaction did nothing.
    Mismatch(String),
    /// A mistake in this service or its set-up: calling again fails again.
    Fault(String),
}

impl Failure {
    /// Classifies D1's message.
    pub fn classify(message: String) -> Self {
        const OVERLOAD: &[&str] = &["overloaded", "exceeded"];
        const PASSING: &[&str] = &[
            "Network connection lost",
            "caused object to be reset",
            "reset because its code was updated",
            "Cannot resolve D1 DB due to transient issue",
            "client disconnected",
        ];
        const LOCKED: &[&str] = &["SQLITE_BUSY"];
        const MISMATCH: &[&str] = &["no such table", "no such column", "has no column named", "no such index"];
        const FAULT: &[&str] = &["SQLITE_", "D1_TYPE_ERROR", "D1_COLUMN_NOTFOUND", "Wrong number of parameter"];
        let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
        // An object that was reset because it exceeded a limit says both.
        if says(OVERLOAD) {
            Self::Overload(message)
        } else if says(PASSING) {
            Self::Passing(message)
        } else if says(LOCKED) {
            Self::Locked(message)
        } else if says(MISMATCH) {
            Self::Mismatch(message)
        } else if says(FAULT) {
            Self::Fault(message)
        } else {
            Self::Overload(message)
        }
    }

    /// How long to wait before the next call after so many that failed. None if there is to be no other call.
    /// `repeatable` says whether running the query twice is the same as running it once. The request's id lengthens
    /// each delay, at most to its double, so that calls which failed together don't come back together.
    pub fn retry_delay(&self, calls: usize, repeatable: bool, request_id: &Id) -> Option<Duration> {
        let delays: &[u64] = match self {
            Self::Passing(_) if repeatable => &[50, 200],
            // The lock is held as long as the other process's transaction runs. Two delays were hardly enough beside
            // `npm run seed` on a busy machine.
            Self::Locked(_) => &[25, 50, 100, 200, 400, 800],
            _ => &[],
        };
        let base = *delays.get(calls.checked_sub(1)?)?;
        let jitter = request_id.as_str().bytes().map(u64::from).sum::<u64>() % base;
        Some(Duration::from_millis(base + jitter))
    }

    /// What the caller learns.
    pub fn into_error(self) -> Error {
        const NO_ANSWER: &str = "The database did not answer. It is unknown whether a change was made. Wait the number \
                                 of seconds in the Retry-After header, then retry. A POST with an Idempotency-Key can \
                                 be retried safely.";
        const LOCKED: &str = "Another process is writing to the database. Wait the number of seconds in the \
                              Retry-After header, then retry. Any request can be retried safely.";
        const MISMATCH: &str = "The service is being updated. No change was made. Wait the number of seconds in the \
                                Retry-After header, then retry. Any request can be retried safely.";
        let unavailable = |message, seconds, cause| {
            Error::new(Code::DatabaseUnavailable, message).with_header("retry-after", seconds).with_cause(cause)
        };
        match self {
            Self::Passing(cause) => unavailable(NO_ANSWER, "1", cause),
            Self::Locked(cause) => unavailable(LOCKED, "1", cause),
            Self::Overload(cause) => unavailable(NO_ANSWER, "5", cause),
            Self::Mismatch(cause) => unavailable(MISMATCH, "5", cause),
            Self::Fault(cause) => Error::internal(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d1s_messages_are_classified() {
        for message in [
            "D1_ERROR: D1 DB reset because its code was updated.",
            "D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.",
            "D1_ERROR: Network connection lost.",
            "D1_ERROR: Internal error in D1 DB storage caused object to be reset.",
            "D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.",
            "D1_ERROR: Can't read from request stream because client disconnected.",
        ] {
            assert_eq!(Failure::classify(message.to_owned()), Failure::Passing(message.to_owned()));
        }
        let locked = "D1_ERROR: database is locked: SQLITE_BUSY".to_owned();
        assert_eq!(Failure::classify(locked.clone()), Failure::Locked(locked));
        for message in [
            "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
            "D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
            "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
            "D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.",
            "D1_ERROR: D1 DB exceeded its CPU time limit and was reset.",
            "an undocumented message",
        ] {
            assert_eq!(Failure::classify(message.to_owned()), Failure::Overload(message.to_owned()));
        }
        for message in [
            "D1_ERROR: no such table: tokens: SQLITE_ERROR",
            "D1_ERROR: no such column: is_removed at offset 7: SQLITE_ERROR",
            "D1_ERROR: table tokens has no column named successor_id at offset 20: SQLITE_ERROR",
            "D1_ERROR: no such index: conversations_by_id: SQLITE_ERROR",
        ] {
            assert_eq!(Failure::classify(message.to_owned()), Failure::Mismatch(message.to_owned()));
        }
        for message in [
            "D1_ERROR: UNIQUE constraint failed: tokens.hash: SQLITE_CONSTRAINT",
            "D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'",
            "D1_COLUMN_NOTFOUND",
        ] {
            assert_eq!(Failure::classify(message.to_owned()), Failure::Fault(message.to_owned()));
        }
    }

    #[test]
    fn only_a_failure_that_did_nothing_is_repeated_whatever_the_query() {
        let delays = |failure: Failure, repeatable| {
            let id = Id::parse("xgQQXg3hrtjh7AvZ").unwrap();
            (1..)
                .map_while(|calls| failure.retry_delay(calls, repeatable, &id))
                .map(|delay| delay.as_millis())
                .collect()
        };
        let within = |delays: Vec<u128>, bases: &[u128]| {
            assert_eq!(delays.len(), bases.len());
            for (delay, base) in delays.iter().zip(bases) {
                assert!((*base..2 * base).contains(delay), "{delay} ms");
            }
        };
        within(delays(Failure::Passing(String::new()), true), &[50, 200]);
        within(delays(Failure::Passing(String::new()), false), &[]);
        for repeatable in [true, false] {
            within(delays(Failure::Locked(String::new()), repeatable), &[25, 50, 100, 200, 400, 800]);
            within(delays(Failure::Overload(String::new()), repeatable), &[]);
            within(delays(Failure::Mismatch(String::new()), repeatable), &[]);
            within(delays(Failure::Fault(String::new()), repeatable), &[]);
        }
    }
}
