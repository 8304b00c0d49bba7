//! What crosses to `edge.js` and `entry.js`, the only files that know the platform: steps, as text. Pure.
//! A crossing between wasm and JavaScript is what a request costs most of, next to D1 itself, so a step crosses at once.

use std::fmt::Write;

use crate::{d1::Cost, response::Response};

/// What `entry.js` has to do next.
pub enum Step {
    /// Read the body, up to so many bytes.
    Body(usize),
    /// Run statements on D1.
    Call {
        /// A JSON list of `[id, ...parameters]`.
        statements: String,
        /// Which of them answers.
        answering: usize,
    },
    /// Answer with the static file of the request's path and these headers.
    File(String),
    /// Answer.
    Respond {
        /// The HTTP status.
        status: u16,
        /// Lines of `name TAB value`.
        headers: String,
        /// The body, if there is one.
        body: Option<String>,
    },
}

impl Step {
    /// One word, its arguments, and on the lines after it what is longer. A response's body follows an empty line.
    pub fn text(self) -> String {
        match self {
            Self::Body(limit) => format!("body {limit}"),
            Self::Call { statements, answering } => format!("call {answering}\n{statements}"),
            Self::File(headers) => format!("file \n{headers}"),
            Self::Respond { status, headers, body: None } => format!("respond {status}\n{headers}"),
            Self::Respond { status, headers, body: Some(body) } => format!("respond {status}\n{headers}\n\n{body}"),
        }
    }
}

/// The headers of a response as lines of `name TAB value`, besides those that `edge.js` adds to every one.
pub fn headers(request_id: &str, cost: &Cost, response: &Response) -> String {
    let mut lines = format!("x-request-id\t{request_id}\nserver-timing\t{}", cost.server_timing());
    if response.body.is_some() {
        lines.push_str("\ncontent-type\tapplication/json; charset=utf-8");
    }
    for (name, value) in &response.headers {
        // Writing to a string has no way to fail.
        let _ = write!(lines, "\n{name}\t{value}");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_its_status_its_headers_and_after_an_empty_line_its_body() {
        let response = Response::json(201, "{}".to_owned()).with("location", "/v1/x");
        let headers = headers("r1", &Cost::default(), &response);
        assert_eq!(
            Step::Respond { status: 201, headers, body: response.body }.text(),
            "respond 201\nx-request-id\tr1\nserver-timing\td1;dur=0.000;desc=\"0 rows read, 0 written\"\n\
             content-type\tapplication/json; charset=utf-8\nlocation\t/v1/x\n\n{}"
        );
    }
}
