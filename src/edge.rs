//! What crosses to `edge.js` and `entry.js`, the only files that know the platform: steps, as text. Pure.
//! A crossing between wasm and JavaScript is what a request costs most of, next to D1 itself, so a step crosses at once.

use std::fmt::Write;

use crate::{auth::TokenHash, d1::Cost, response::Response};

/// What `entry.js` has to do next.
pub enum Step {
    /// Read the body.
    Body {
        /// Up to so many bytes.
        limit: usize,
        /// The hash of the caller's token, by which requests are counted.
        caller: TokenHash,
    },
    /// Run statements on D1.
    Call {
        /// Which of them answers.
        answering: usize,
        /// The hash of the caller's token, by which requests are counted.
        caller: TokenHash,
        /// A JSON list of `[id, ...parameters]`.
        statements: String,
    },
    /// Run the same statements again, after so many milliseconds.
    Again(u64),
    /// Answer with the static file of the request's path.
    File,
    /// Answer.
    Respond {
        /// The HTTP status.
        status: u16,
        /// A line for the log.
        log: String,
        /// Lines of `name TAB value`.
        headers: String,
        /// The body, if there is one.
        body: Option<String>,
    },
}

impl Step {
    /// One line of words, and on the lines after it what is longer. A response's body follows an empty line.
    pub fn text(self) -> String {
        match self {
            Self::Body { limit, caller } => format!("body {limit} {}", caller.as_str()),
            Self::Call { answering, caller, statements } => {
                format!("call {answering} {}\n{statements}", caller.as_str())
            }
            Self::Again(milliseconds) => format!("again {milliseconds} "),
            Self::File => "file  ".to_owned(),
            Self::Respond { status, log, headers, body: None } => format!("respond {status} {log}\n{headers}"),
            Self::Respond { status, log, headers, body: Some(body) } => {
                format!("respond {status} {log}\n{headers}\n\n{body}")
            }
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
            Step::Respond { status: 201, log: "{}".to_owned(), headers, body: response.body }.text(),
            "respond 201 {}\nx-request-id\tr1\nserver-timing\td1;dur=0.000;desc=\"0 rows read, 0 written\"\n\
             content-type\tapplication/json; charset=utf-8\nlocation\t/v1/x\n\n{}"
        );
    }
}
