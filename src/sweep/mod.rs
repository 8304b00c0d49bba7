//! The sweep: what requests leave for later, in steps. It removes what was deleted and idempotency keys that have
//! expired, and counts what accounts use. It runs every minute (`[triggers]` in wrangler.toml).
//!
//! A step is one call to D1, so one transaction. Only the database remembers where the work stands: a sweep that ends
//! early is continued by the next one, and two at once do no harm.

pub mod sql;

use crate::{http::log::{Cost, Record}, http::error::Error};

/// The Free plan of Workers allows 50 calls.
const MAX_D1_CALLS: usize = 40;

/// The kinds of steps, which take turns.
const KINDS: [&str; 3] = [sql::REMOVE, sql::EXPIRE, sql::COUNT];

/// What the steps of a sweep did so far.
#[derive(Debug, Default)]
pub struct Sweep {
    /// The deletions go on with the account after this one. At first any number, a different one in each sweep.
    pub account: f64,
    /// How many steps, one after another, found nothing to do.
    pub idle: usize,
    /// What the log will say of it.
    pub record: Record,
}

impl Sweep {
    /// The next step. None when nothing is left to do, or the calls are used up, or one has failed.
    pub fn step(&mut self) -> Option<&'static str> {
        let ends = self.idle == KINDS.len() || self.record.d1_calls == MAX_D1_CALLS || self.record.code.is_some();
        let kind = self.record.d1_calls % KINDS.len();
        self.record.d1_calls += 1;
        KINDS.get(kind).copied().filter(|_| !ends)
    }

    /// Notes what a step did, and which account it names, if it names one.
    pub fn note(&mut self, result: Result<(Option<f64>, Cost), Error>) {
        match result {
            Ok((account, cost)) => {
                self.account = account.unwrap_or(self.account);
                self.idle = if cost.rows_written > 0 { 0 } else { self.idle + 1 };
                let total = &mut self.record.cost;
                total.duration += cost.duration;
                total.rows_read += cost.rows_read;
                total.rows_written += cost.rows_written;
            }
            Err(mut error) => self.record.failed(&mut error),
        }
    }
}
