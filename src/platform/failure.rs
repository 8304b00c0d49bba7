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
    /// Too much at once: calling again at once makes it worse.
    Overload(String),
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
        const FAULT: &[&str] = &["SQLITE_", "D1_TYPE_ERROR", "D1_COLUMN_NOTFOUND", "Wrong number of parameter"];
        let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
        // An object that was reset because it exceeded a limit says both.
        if says(OVERLOAD) {
            Self::Overload(message)
        } else if says(PASSING) {
            Self::Passing(message)
        } else if says(FAULT) {
            Self::Fault(message)
        } else {
            Self::Overload(message)
        }
    }

    /// What the caller learns.
    pub fn into_error(self) -> Error {
        const MESSAGE: &str = "The database did not answer. It is unknown whether a change was made. Wait the number \
                               of seconds in the Retry-After header, then retry. A POST with an Idempotency-Key can be \
                               retried safely.";
        let unavailable = |seconds, cause| {
            Error::new(Code::DatabaseUnavailable, MESSAGE).with_header("retry-after", seconds).with_cause(cause)
        };
        match self {
            Self::Passing(cause) => unavailable("1", cause),
            Self::Overload(cause) => unavailable("5", cause),
            Self::Fault(cause) => Error::internal(cause),
        }
    }
}

/// How long to wait before the next call after so many that failed, if there is to be one: 50 to 100 ms, then 200 to
/// 400 ms. The request's id spreads the retries, so that calls which failed together don't come back together.
pub fn retry_delay(calls: u32, request_id: &Id) -> Option<Duration> {
    let base = match calls {
        1 => 50,
        2 => 200,
        _ => return None,
    };
    let jitter = request_id.as_str().bytes().map(u64::from).sum::<u64>() % base;
    Some(Duration::from_millis(base + jitter))
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
            "D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'",
            "D1_COLUMN_NOTFOUND",
        ] {
            assert_eq!(Failure::classify(message.to_owned()), Failure::Fault(message.to_owned()));
        }
    }

    #[test]
    fn a_call_is_repeated_twice_after_growing_delays() {
        let id = Id::parse("xgQQXg3hrtjh7AvZ").unwrap();
        let delay = |calls| retry_delay(calls, &id).map(|delay| delay.as_millis());
        assert!(delay(1).is_some_and(|delay| (50..100).contains(&delay)));
        assert!(delay(2).is_some_and(|delay| (200..400).contains(&delay)));
        assert_eq!(delay(3), None);
    }
}
