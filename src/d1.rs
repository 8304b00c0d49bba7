//! What D1 is sent and what it gives back, as text: `send` in `edge.js` is the only place that calls it. Pure.

use std::{cell::RefCell, collections::BTreeMap};

use crate::{
    auth::Caller,
    call::{Answer, Call, Parameter},
    error::{Code, Error, json_string},
    id::Id,
};

thread_local! {
    /// The statements that were sent so far, by the id that stands for each, for as long as the instance lives.
    static SENT: RefCell<BTreeMap<usize, &'static str>> = RefCell::default();
}

/// What a call took of D1, by D1's own account.
#[derive(Debug, Default, PartialEq)]
pub struct Cost {
    /// Microseconds that the statements ran.
    pub duration: u64,
    /// Rows that they read.
    pub rows_read: u64,
    /// Rows that they wrote, index entries included.
    pub rows_written: u64,
}

impl Cost {
    /// The `Server-Timing` header (W3C Server Timing): how long D1 took, and the rows it counted.
    pub fn server_timing(&self) -> String {
        let [read, written] = [self.rows_read, self.rows_written].map(|rows| rows.to_string());
        ["d1;dur=", &self.milliseconds(), ";desc=\"", &read, " rows read, ", &written, " written\""].concat()
    }

    /// How long the statements ran, in milliseconds with three decimals.
    pub fn milliseconds(&self) -> String {
        let [whole, rest] = [self.duration / 1000, self.duration % 1000 + 1000].map(|number| number.to_string());
        [&whole, ".", rest.get(1..).unwrap_or_default()].concat()
    }
}

/// The statements of a call as JSON, a list of `[id, ...parameters]`: run in one round trip and one transaction, as the
/// caller. `now` is in seconds since the Unix epoch.
pub fn statements(caller: &Caller, call: &Call, now: i64) -> String {
    let mut json = String::with_capacity(512);
    for (index, statement) in call.statements.iter().enumerate() {
        let start = if index == 0 { "[[" } else { ",[" };
        let (id, hash, scope) = (id_of(statement.sql), caller.hash.as_str(), caller.scope.bit());
        for part in [start, &id.to_string(), ",\"", hash, "\",", &now.to_string(), ",", &scope.to_string()] {
            json.push_str(part);
        }
        for parameter in &statement.parameters {
            json.push(',');
            match parameter {
                Parameter::Null => json.push_str("null"),
                Parameter::Integer(number) => json.push_str(&number.to_string()),
                Parameter::Text(text) => json.push_str(&json_string(text)),
            }
        }
        json.push(']');
    }
    json.push(']');
    json
}

/// The id that stands for a statement: its text crosses when it is asked for, once an isolate.
fn id_of(sql: &'static str) -> usize {
    let id = sql.as_ptr().addr();
    SENT.with_borrow_mut(|sent| sent.insert(id, sql));
    id
}

/// The text of the statement that an id stands for.
pub fn sql(id: usize) -> Option<&'static str> {
    SENT.with_borrow(|sent| sent.get(&id).copied())
}

/// What `send` in `edge.js` gives: `duration read written [account allowed]`, and the answer on the lines after it.
pub fn read(text: &str) -> (Answer, Option<u64>, Cost) {
    let (line, answer) = match text.split_once('\n') {
        Some((line, answer)) => (line, Some(answer.to_owned())),
        None => (text, None),
    };
    let mut numbers = line.split(' ').map(|number| number.parse::<u64>().unwrap_or_default());
    let mut next = || numbers.next();
    let cost = Cost {
        duration: next().unwrap_or_default(),
        rows_read: next().unwrap_or_default(),
        rows_written: next().unwrap_or_default(),
    };
    let account = next();
    let answer = match next() {
        None => Answer::UnknownToken,
        Some(0) => Answer::Forbidden,
        Some(_) => Answer::Found(answer),
    };
    (answer, account, cost)
}

/// Milliseconds to wait before the next call after so many that failed, if there is to be one: 50 to 100, then 200 to 400.
/// The request's id spreads them, so that those which failed together don't come back together.
pub fn patience(calls: u32, request_id: &Id) -> Option<u64> {
    let base = match calls {
        1 => 50,
        2 => 200,
        _ => return None,
    };
    let spread = request_id.to_string().bytes().map(u64::from).sum::<u64>();
    Some(base + spread % base)
}

/// Why a call to D1 failed, by the texts of its documentation ("Debug D1", list of D1_ERRORs).
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection or the machine: the same call may well succeed now. Whether it took effect is unknown.
    Passing(String),
    /// Too much at once: calling again at once makes it worse.
    Overload(String),
    /// A mistake in this service or its set-up: calling again fails again.
    Fault(String),
}

impl Failure {
    /// Tells them apart by D1's message; None when there is no D1.
    pub fn of(message: Option<String>) -> Self {
        const OVERLOAD: &[&str] = &["overloaded", "exceeded"];
        const PASSING: &[&str] = &[
            "Network connection lost",
            "caused object to be reset",
            "reset because its code was updated",
            "Cannot resolve D1 DB due to transient issue",
            "client disconnected",
        ];
        const FAULT: &[&str] = &["SQLITE_", "D1_TYPE_ERROR", "D1_COLUMN_NOTFOUND", "Wrong number of parameter"];
        let Some(message) = message else {
            return Self::Fault("wrangler.toml binds no D1 database as DB".to_owned());
        };
        let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
        // What was reset because it exceeded a limit says both.
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

    /// What the caller is told.
    pub fn error(self) -> Error {
        let unavailable = |seconds, cause| {
            Error::new(
                Code::DatabaseUnavailable,
                "The database did not answer, and whether a change was made is unknown. Try again after the seconds that \
                 Retry-After says; with an Idempotency-Key that is safe for a POST too.",
            )
            .with_header("retry-after", seconds)
            .with_cause(cause)
        };
        match self {
            Self::Passing(cause) => unavailable("1", cause),
            Self::Overload(cause) => unavailable("5", cause),
            Self::Fault(cause) => Error::internal(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(message: &str) -> Failure {
        Failure::of(Some(message.to_owned()))
    }

    #[test]
    fn what_d1_says_of_itself_is_told_apart() {
        for message in [
            "D1_ERROR: D1 DB reset because its code was updated.",
            "D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.",
            "D1_ERROR: Network connection lost.",
            "D1_ERROR: Internal error in D1 DB storage caused object to be reset.",
            "D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.",
            "D1_ERROR: Can't read from request stream because client disconnected.",
        ] {
            assert_eq!(failure(message), Failure::Passing(message.to_owned()));
        }
        for message in [
            "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
            "D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
            "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
            "D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.",
            "D1_ERROR: D1 DB exceeded its CPU time limit and was reset.",
            "something that nobody has documented",
        ] {
            assert_eq!(failure(message), Failure::Overload(message.to_owned()));
        }
        for message in [
            "D1_ERROR: no such table: tokens: SQLITE_ERROR",
            "D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'",
            "D1_COLUMN_NOTFOUND",
        ] {
            assert_eq!(failure(message), Failure::Fault(message.to_owned()));
        }
        assert!(matches!(Failure::of(None), Failure::Fault(_)));
    }

    #[test]
    fn an_answer_is_read_with_its_cost_and_its_account() {
        let (answer, account, cost) = read("1500 2 3 7 1\na\nb");
        assert!(matches!(answer, Answer::Found(Some(text)) if text == "a\nb"));
        assert_eq!((account, cost), (Some(7), Cost { duration: 1500, rows_read: 2, rows_written: 3 }));
        assert!(matches!(read("1 2 3"), (Answer::UnknownToken, None, _)));
        assert!(matches!(read("1 2 3 7 0"), (Answer::Forbidden, Some(7), _)));
        assert!(matches!(read("1 2 3 7 2"), (Answer::Found(None), Some(7), _)));
    }
}
