//! The sweep: what requests leave for later, in steps. It removes what was deleted, idempotency keys that have expired
//! and events that were kept long enough, and counts what accounts use. It runs every minute (`[triggers]` in
//! wrangler.toml).
//!
//! Each database has a sweep of its own. A step is one call to D1, so one transaction. Only the database remembers
//! where the work stands: a sweep that ends early is continued by the next one, and two at once do no harm.

pub mod sql;

use crate::{
    http::log::{Cost, Record},
    id::Id,
    platform::failure::Failure,
    query::Statement,
    shard::Shard,
};

/// How many calls a sweep of one database makes: Workers on the Free plan allow 50.
const MAX_D1_CALLS: usize = 40;
/// How many calls the sweeps of all databases make: the paid plan allows 1,000.
const MAX_D1_CALLS_OF_ALL: usize = 800;

/// The kinds of steps, which take turns.
const STEPS: [&[&str]; 4] = [sql::REMOVE, sql::EXPIRE, sql::TRIM, sql::COUNT];

/// What the steps of a sweep did so far.
#[derive(Debug, Default)]
pub struct Sweep {
    /// The deletions go on with the account after this one.
    account: i64,
    /// For how many days events are kept.
    event_days: i64,
    /// The next step, in [`STEPS`].
    next: usize,
    /// The kinds of steps that have found nothing to do, a bit each.
    done: u8,
    /// How many calls it may make.
    max_d1_calls: usize,
    record: Record,
}

impl Sweep {
    /// A sweep of one of so many databases begins. `seed` is any number, another one for each sweep: the deletions
    /// begin at different accounts. Events are kept for `event_days`.
    pub fn new(shard: Shard, databases: usize, seed: i64, event_days: i64) -> Self {
        // One step of each kind at least.
        let fair = MAX_D1_CALLS_OF_ALL.checked_div(databases).unwrap_or_default();
        Self {
            account: seed,
            event_days,
            max_d1_calls: fair.clamp(STEPS.len(), MAX_D1_CALLS),
            record: Record { route: Some("sweep"), shard: Some(shard), ..Record::default() },
            ..Self::default()
        }
    }

    /// The statements of the next step. None when nothing is left to do, the calls are used up, or a step has failed.
    pub fn step(&self) -> Option<Vec<Statement>> {
        let ends = self.done == 0b1111 || self.record.d1_calls == self.max_d1_calls || self.record.code.is_some();
        let step = STEPS.get(self.next).filter(|_| !ends)?;
        let parameter = if *step == sql::TRIM { self.event_days } else { self.account };
        let parameters = |sql: &str| if sql.contains("?1") { vec![parameter.into()] } else { Vec::new() };
        Some(step.iter().map(|sql| Statement::new(*sql, parameters(sql))).collect())
    }

    /// Notes what a step did, and the account that it names, if it names one.
    pub fn note(&mut self, result: Result<(Option<i64>, Cost), Failure>) {
        let Record { cost: total, d1_calls, .. } = &mut self.record;
        *d1_calls += 1;
        match result {
            Ok((account, cost)) => {
                self.account = account.unwrap_or(self.account);
                self.done |= u8::from(cost.rows_written == 0) << self.next;
                for _ in STEPS {
                    self.next = (self.next + 1) % STEPS.len();
                    if self.done >> self.next & 1 == 0 {
                        break;
                    }
                }
                total.add(&cost);
            }
            Err(failure) => self.record.failed(&mut failure.into_error()),
        }
    }

    /// Notes what it took to find accounts with endpoints that are behind. Returns where to go on.
    pub fn note_wake_ups(&mut self, result: Result<(Option<i64>, Cost), Failure>) -> Option<i64> {
        self.record.d1_calls += 1;
        match result {
            Ok((account, cost)) => {
                self.record.cost.add(&cost);
                account
            }
            Err(failure) => {
                self.record.failed(&mut failure.into_error());
                None
            }
        }
    }

    /// The status and the line for the log, in the form that requests have.
    pub fn end(&self, id: &Id) -> (u16, String) {
        let status = self.record.code.map_or(200, |code| code.status());
        (status, self.record.line(id.as_str(), "SCHEDULED", status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Parameter;

    fn did(account: Option<i64>, rows_written: u64) -> Result<(Option<i64>, Cost), Failure> {
        Ok((account, Cost { duration: 1500, rows_read: 3, rows_written }))
    }

    fn line(sweep: &Sweep) -> (u16, String) {
        sweep.end(&Id::parse("xgQQXg3hrtjh7AvZ").unwrap())
    }

    /// The SQL of the next step, and its parameter.
    fn step(sweep: &Sweep) -> Option<(Vec<String>, Option<Parameter>)> {
        let statements = sweep.step()?;
        let account = statements.iter().flat_map(|statement| statement.parameters.first()).next().cloned();
        Some((statements.into_iter().map(|statement| statement.sql.into_owned()).collect(), account))
    }

    #[test]
    fn without_work_each_kind_of_step_runs_once() {
        let mut sweep = Sweep::new(Shard::FIRST, 1, 7, 30);
        let steps = [(sql::REMOVE, Some(7)), (sql::EXPIRE, None), (sql::TRIM, Some(30)), (sql::COUNT, None)];
        for (statements, parameter) in steps {
            let statements = statements.iter().map(ToString::to_string).collect();
            assert_eq!(step(&sweep), Some((statements, parameter.map(Parameter::Integer))));
            sweep.note(did(None, 0));
        }
        assert!(sweep.step().is_none());
        let expected = concat!(
            r#"{"request_id":"xgQQXg3hrtjh7AvZ","method":"SCHEDULED","route":"sweep","status":200,"database":"DB","#,
            r#""account":null,"token":null,"d1_calls":4,"d1_ms":6.000,"rows_read":12,"rows_written":0}"#
        );
        assert_eq!(line(&sweep), (200, expected.to_owned()));
    }

    #[test]
    fn steps_take_turns_until_none_finds_work() {
        let mut sweep = Sweep::new(Shard::FIRST, 1, 0, 30);
        let mut steps = Vec::new();
        for rows_written in [0, 5, 0, 5, 5, 0, 0] {
            steps.push(step(&sweep).unwrap().0);
            sweep.note(did(None, rows_written));
        }
        let [remove, expire, trim, count] = STEPS;
        assert_eq!(steps, [remove, expire, trim, count, expire, count, expire]);
        assert!(sweep.step().is_none());
    }

    #[test]
    fn the_deletions_go_on_with_the_next_account() {
        let mut sweep = Sweep::new(Shard::FIRST, 1, 1_000_000_000_000, 30);
        for (named, expected) in [(Some(3), 3), (Some(4), 4), (None, 4)] {
            // One step of each kind, of which only the first names an account.
            for account in [named, None, None, None] {
                sweep.note(did(account, 1));
            }
            assert_eq!(step(&sweep).unwrap().1, Some(expected.into()));
        }
    }

    #[test]
    fn a_sweep_has_a_bound() {
        let mut sweep = Sweep::new(Shard::FIRST, 1, 0, 30);
        let mut calls = 0;
        while sweep.step().is_some() {
            calls += 1;
            sweep.note(did(None, 1));
        }
        assert_eq!(calls, MAX_D1_CALLS);
    }

    #[test]
    fn many_databases_share_what_an_invocation_may_ask() {
        for (databases, expected) in [(1, 40), (20, 40), (40, 20), (100, 8), (5000, 4)] {
            let mut sweep = Sweep::new(Shard::from(3), databases, 0, 30);
            let mut calls = 0;
            while sweep.step().is_some() {
                calls += 1;
                sweep.note(did(None, 1));
            }
            assert_eq!(calls, expected, "{databases} databases");
        }
    }

    #[test]
    fn a_failure_ends_the_sweep() {
        let mut sweep = Sweep::new(Shard::FIRST, 1, 0, 30);
        sweep.note(did(None, 1));
        sweep.note(Err(Failure::Overload("D1 DB is overloaded".to_owned())));
        assert!(sweep.step().is_none());
        let (status, line) = line(&sweep);
        assert_eq!(status, 503);
        assert!(line.contains(r#""status":503"#) && line.contains(r#""cause":"D1 DB is overloaded""#), "{line}");
    }
}
