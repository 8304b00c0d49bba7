//! What D1 is sent and what it gives back, as text: `send` in `edge.js` is the only place that calls it. Pure.

use std::{cell::RefCell, collections::BTreeMap, fmt::Write};

use crate::{
    auth::Caller,
    call::{Answer, Call, Parameter},
    error::{Code, Error},
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
    /// The `Server-Timing` header (W3C Server Timing): how long D1 took in milliseconds, and the rows it counted.
    pub fn server_timing(&self) -> String {
        let Self { duration, rows_read, rows_written } = self;
        let (whole, thousandths) = (duration / 1000, duration % 1000);
        format!(r#"d1;dur={whole}.{thousandths:03};desc="{rows_read} rows read, {rows_written} written""#)
    }
}

/// The statements of a call as JSON, a list of `[id, ...parameters]`: run in one round trip and one transaction, as the
/// caller. `now` is in milliseconds since the Unix epoch.
pub fn statements(caller: &Caller, call: &Call, now: u64) -> String {
    let mut json = String::with_capacity(512);
    for (index, statement) in call.statements.iter().enumerate() {
        let start = if index == 0 { "[[" } else { ",[" };
        let (id, hash, seconds, scope) = (id_of(statement.sql), caller.token.as_str(), now / 1000, caller.scope.bit());
        // Writing to a string has no way to fail.
        let _ = write!(json, r#"{start}{id},"{hash}",{seconds},{scope}"#);
        for parameter in &statement.parameters {
            json.push(',');
            match parameter {
                Parameter::Null => json.push_str("null"),
                Parameter::Integer(number) => {
                    let _ = write!(json, "{number}");
                }
                Parameter::Text(text) => push_string(&mut json, text),
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

fn push_string(json: &mut String, text: &str) {
    json.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// What `send` in `edge.js` gives: `duration read written [allowed]`, and the answer on the lines after it.
pub fn read(text: &str) -> (Answer, Cost) {
    let (account, answer) = match text.split_once('\n') {
        Some((account, answer)) => (account, Some(answer.to_owned())),
        None => (text, None),
    };
    let mut numbers = account.split(' ').map(|number| number.parse::<u64>().unwrap_or_default());
    let mut next = || numbers.next();
    let cost = Cost {
        duration: next().unwrap_or_default(),
        rows_read: next().unwrap_or_default(),
        rows_written: next().unwrap_or_default(),
    };
    let answer = match next() {
        None => Answer::UnknownToken,
        Some(0) => Answer::Forbidden,
        Some(_) => Answer::Found(answer),
    };
    (answer, cost)
}

/// What D1 threw; None when there is no D1. Everything that it refuses at run time is a fault of the connection or the
/// service: input was checked before.
pub fn failure(message: Option<String>) -> Error {
    match message {
        Some(message) => Error::new(Code::DatabaseUnavailable, "The database did not answer. Try again shortly.")
            .with_header("retry-after", "1")
            .with_cause(message),
        None => Error::internal("wrangler.toml binds no D1 database as DB"),
    }
}
