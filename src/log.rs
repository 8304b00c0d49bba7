//! The log: one line of JSON for each request, with what operators need and nothing secret. Pure.

use crate::{
    d1::Cost,
    error::{Code, json_string},
};

/// What a line tells of a request.
#[derive(Debug)]
pub struct Line<'a> {
    /// As in `X-Request-Id`.
    pub request_id: &'a str,
    /// The verb as sent.
    pub method: &'a str,
    /// The path's pattern; None where no endpoint has the path. What the caller sent may hold anything.
    pub route: Option<&'a str>,
    /// The HTTP status.
    pub status: u16,
    /// Whose the token is, once the database has said so.
    pub account: Option<u64>,
    /// How often D1 was called: more than once only when it failed.
    pub d1_calls: u32,
    /// What the call that succeeded took.
    pub cost: &'a Cost,
    /// Why the request failed.
    pub code: Option<Code>,
    /// Of a 5xx, what the platform or the database said.
    pub cause: Option<&'a str>,
}

impl Line<'_> {
    /// The line, without its end.
    pub fn text(&self) -> String {
        let null = || "null".to_owned();
        let method = json_string(&self.method.chars().take(16).collect::<String>());
        let route = self.route.map_or_else(null, json_string);
        let account = self.account.map_or_else(null, |account| account.to_string());
        let [status, calls] = [u32::from(self.status), self.d1_calls].map(|number| number.to_string());
        let [read, written] = [self.cost.rows_read, self.cost.rows_written].map(|rows| rows.to_string());
        let code = self.code.map(|code| [",\"code\":\"", code.name(), "\""].concat()).unwrap_or_default();
        let cause = self.cause.map(|cause| [",\"cause\":", &json_string(cause)].concat()).unwrap_or_default();
        [
            "{\"request_id\":\"",
            self.request_id,
            "\",\"method\":",
            &method,
            ",\"route\":",
            &route,
            ",\"status\":",
            &status,
            ",\"account\":",
            &account,
            ",\"d1_calls\":",
            &calls,
            ",\"d1_ms\":",
            &self.cost.milliseconds(),
            ",\"rows_read\":",
            &read,
            ",\"rows_written\":",
            &written,
            &code,
            &cause,
            "}",
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_flat_object() {
        let cost = Cost { duration: 1500, rows_read: 2, rows_written: 0 };
        let line = Line {
            request_id: "r1",
            method: "GET",
            route: Some("/v1/conversations/:id"),
            status: 503,
            account: Some(7),
            d1_calls: 3,
            cost: &cost,
            code: Some(Code::DatabaseUnavailable),
            cause: Some("line 1\nline \"2\""),
        };
        assert_eq!(
            line.text(),
            r#"{"request_id":"r1","method":"GET","route":"/v1/conversations/:id","status":503,"account":7,"d1_calls":3,"d1_ms":1.500,"rows_read":2,"rows_written":0,"code":"database_unavailable","cause":"line 1\nline \"2\""}"#
        );
    }

    #[test]
    fn what_is_not_known_is_null_and_what_did_not_happen_is_not_there() {
        let cost = Cost::default();
        let (request_id, method) = ("r1", "PROPFINDPROPFINDPROPFIND");
        let line = Line {
            request_id,
            method,
            route: None,
            status: 404,
            account: None,
            d1_calls: 0,
            cost: &cost,
            code: None,
            cause: None,
        };
        assert_eq!(
            line.text(),
            r#"{"request_id":"r1","method":"PROPFINDPROPFIND","route":null,"status":404,"account":null,"d1_calls":0,"d1_ms":0.000,"rows_read":0,"rows_written":0}"#
        );
    }
}
