//! The log: one line of JSON for each request, with what operators need and nothing secret.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    http::error::{Code, Error},
    shard::Shard,
};

/// What one call to the database cost, by the database's own account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// Microseconds that the statements ran.
    pub duration: u64,
    /// Rows that they read.
    pub rows_read: u64,
    /// Rows that they wrote, index entries included.
    pub rows_written: u64,
}

impl Cost {
    /// Adds what another call cost.
    pub fn add(&mut self, other: &Self) {
        self.duration += other.duration;
        self.rows_read += other.rows_read;
        self.rows_written += other.rows_written;
    }

    /// The `Server-Timing` header (W3C Server Timing): how long the database took, and the rows it counted.
    pub fn server_timing(&self) -> String {
        let (read, written) = (self.rows_read.to_string(), self.rows_written.to_string());
        ["d1;dur=", &self.milliseconds(), ";desc=\"", &read, " rows read, ", &written, " written\""].concat()
    }

    /// The duration in milliseconds with three decimals.
    fn milliseconds(&self) -> String {
        let (whole, thousandths) = ((self.duration / 1000).to_string(), (self.duration % 1000 + 1000).to_string());
        [&whole, ".", thousandths.get(1..).unwrap_or_default()].concat()
    }
}

/// What is known of a request by the time it is answered.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The path's pattern. None where no endpoint has the path: what a caller sends may hold anything.
    pub route: Option<&'static str>,
    /// The database that was asked. None where none was.
    pub shard: Option<Shard>,
    /// The account that the token opens, once the database has said so.
    pub account: Option<u64>,
    /// The token's id, once the database has said so.
    pub token: Option<String>,
    /// How often the database was called: more than once only when it failed.
    pub d1_calls: usize,
    /// What the call that succeeded cost.
    pub cost: Cost,
    /// Why the request failed.
    pub code: Option<Code>,
    /// Of a 5xx, what the platform or the database said.
    pub cause: Option<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    request_id: &'a str,
    method: &'a str,
    route: Option<&'a str>,
    status: u16,
    database: Option<String>,
    account: Option<u64>,
    token: Option<&'a str>,
    d1_calls: usize,
    /// Written by hand: a float would cost 14 kB of wasm.
    d1_ms: Option<Box<RawValue>>,
    rows_read: u64,
    rows_written: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
}

impl Record {
    /// Notes why the request failed.
    pub fn failed(&mut self, error: &mut Error) {
        self.code = Some(error.code);
        self.cause = error.cause.take();
    }

    /// The line, without its end. Of the method, which a caller may have made up, the first 16 characters.
    pub fn line(&self, request_id: &str, method: &str, status: u16) -> String {
        let line = Line {
            request_id,
            method: method.char_indices().nth(16).and_then(|(end, _)| method.get(..end)).unwrap_or(method),
            route: self.route,
            status,
            database: self.shard.map(Shard::binding),
            account: self.account,
            token: self.token.as_deref(),
            d1_calls: self.d1_calls,
            d1_ms: RawValue::from_string(self.cost.milliseconds()).ok(),
            rows_read: self.cost.rows_read,
            rows_written: self.cost.rows_written,
            code: self.code.map(Code::name),
            cause: self.cause.as_deref(),
        };
        // Numbers and strings have no way to fail to serialize.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_flat_object() {
        let mut record = Record {
            route: Some("/v1/conversations/:id"),
            shard: Some(Shard::FIRST),
            account: Some(7),
            token: Some("t1".to_owned()),
            d1_calls: 3,
            cost: Cost { duration: 1500, rows_read: 2, rows_written: 0 },
            ..Record::default()
        };
        record.failed(&mut Error::internal("line 1\nline \"2\""));
        assert_eq!(
            record.line("r1", "GET", 500),
            concat!(
                r#"{"request_id":"r1","method":"GET","route":"/v1/conversations/:id","status":500,"database":"DB","#,
                r#""account":7,"token":"t1","d1_calls":3,"d1_ms":1.500,"rows_read":2,"rows_written":0,"#,
                r#""code":"internal_error","cause":"line 1\nline \"2\""}"#
            )
        );
    }

    #[test]
    fn what_is_unknown_is_null_and_what_did_not_happen_is_absent() {
        assert_eq!(
            Record::default().line("r1", "PROPFINDPROPFINDPROPFIND", 404),
            concat!(
                r#"{"request_id":"r1","method":"PROPFINDPROPFIND","route":null,"status":404,"database":null,"#,
                r#""account":null,"token":null,"d1_calls":0,"d1_ms":0.000,"rows_read":0,"rows_written":0}"#
            )
        );
    }
}
