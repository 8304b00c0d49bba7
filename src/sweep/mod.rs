//! The sweep: what requests leave for later, in steps. It removes what was deleted, and idempotency keys that have
//! expired, and counts what accounts use. It runs every minute (`[triggers]` in wrangler.toml).
//!
//! A step is one call to D1, so one transaction. Nothing else remembers where the work stands: a sweep that ends early is
//! continued by the next one, and two at once do no harm.

pub mod sql;

use serde::Serialize;

use crate::{http::log::Cost, platform::failure::Failure, query::Statement};

/// The Free plan of Workers allows 50 calls.
const MAX_D1_CALLS: usize = 40;

/// What a sweep did: its line in the log.
#[derive(Debug, Default, Serialize)]
pub struct Record {
    event: &'static str,
    /// Rows deleted of conversations that were removed, and of their messages.
    removed: u64,
    /// Idempotency keys deleted.
    expired: u64,
    /// Rows written to count accounts.
    counted: u64,
    /// Whether work is left for the next sweep.
    has_more: bool,
    d1_calls: usize,
    d1_ms: u64,
    rows_read: u64,
    rows_written: u64,
    /// Why the sweep ended early: what the database said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl Record {
    /// The line, without its end.
    pub fn line(&self) -> String {
        // Numbers and strings have no way to fail to serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Runs steps, one of each kind in turn, until nothing is left to do or the calls are used up. `run` makes a call to D1
/// and returns the account that the statements name, if they name one. `start` is any number, a different one each time:
/// so the deletions begin at different accounts.
pub async fn sweep(start: i64, run: impl AsyncFn(Vec<Statement>) -> Result<(Option<i64>, Cost), Failure>) -> Record {
    let mut record = Record { event: "sweep", ..Record::default() };
    let mut microseconds = 0;
    let mut account = start;
    let mut busy = [true; 3];
    'steps: while busy.contains(&true) && record.d1_calls + busy.len() <= MAX_D1_CALLS {
        for (kind, busy) in busy.iter_mut().enumerate().filter(|(_, busy)| **busy) {
            let (statements, rows) = match kind {
                0 => (sql::remove(account), &mut record.removed),
                1 => (sql::expire(), &mut record.expired),
                _ => (sql::count(), &mut record.counted),
            };
            record.d1_calls += 1;
            let cost = match run(statements).await {
                Ok((next, cost)) => {
                    account = next.unwrap_or(account);
                    cost
                }
                Err(failure) => {
                    record.cause = failure.into_error().cause;
                    break 'steps;
                }
            };
            *busy = cost.rows_written > 0;
            *rows += cost.rows_written;
            microseconds += cost.duration;
            record.rows_read += cost.rows_read;
            record.rows_written += cost.rows_written;
        }
    }
    record.d1_ms = microseconds / 1000;
    record.has_more = busy.contains(&true);
    record
}
