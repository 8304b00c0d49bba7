//! What crosses to `edge.js` and `entry.js`, the only files that know the platform: steps, as text. Pure.
//! A crossing between wasm and JavaScript is what a request costs most of, next to D1 itself, so a step crosses at once.

use crate::{
    auth::TokenHash,
    d1::Cost,
    id::Id,
    response::{Objects, Response},
};

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
        /// Whether the answer is a page, whose objects stay where they are.
        page: bool,
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
        /// The body, if there is one; of a page, what comes before its objects.
        body: Option<String>,
        /// Of a page, its objects.
        objects: Option<Objects>,
    },
}

impl Step {
    /// Whether the request isn't over with it. A 401 may yet become a 429.
    pub fn waits(&self) -> bool {
        !matches!(self, Self::Respond { status, .. } if *status != 401)
    }

    /// One line, `word id argument rest`, and on the lines after it what is longer. A response's body follows an empty line.
    /// A page's begins with a line that says which objects, and one of what comes after them.
    pub fn text(self, id: &Id) -> String {
        let id = id.as_str();
        match self {
            Self::Body { limit, caller } => ["body ", id, " ", &limit.to_string(), " ", caller.as_str()].concat(),
            Self::Call { answering, page, caller, statements } => {
                let word = if page { "call-page" } else { "call" };
                [word, " ", id, " ", &answering.to_string(), " ", caller.as_str(), "\n", &statements].concat()
            }
            Self::Again(milliseconds) => ["again ", id, " ", &milliseconds.to_string(), " "].concat(),
            Self::File => ["file ", id, "  "].concat(),
            Self::Respond { status, log, headers, body, objects } => {
                let word = if objects.is_some() { "respond-page" } else { "respond" };
                let around = objects.map(|Objects { count, backwards, after }| {
                    let order = if backwards { " backwards\n" } else { " forwards\n" };
                    [&count.to_string(), order, after, "\n"].concat()
                });
                let (gap, around) = (if body.is_some() { "\n\n" } else { "" }, around.unwrap_or_default());
                let (status, body) = (status.to_string(), body.unwrap_or_default());
                [word, " ", id, " ", &status, " ", &log, "\n", &headers, gap, &around, &body].concat()
            }
        }
    }
}

/// The headers of a response as lines of `name TAB value`, besides those that `edge.js` adds to every one.
pub fn headers(request_id: &str, cost: &Cost, response: &Response) -> String {
    let mut lines = ["x-request-id\t", request_id, "\nserver-timing\t", &cost.server_timing()].concat();
    if response.body.is_some() {
        lines.push_str("\ncontent-type\tapplication/json; charset=utf-8");
    }
    for (name, value) in &response.headers {
        for part in ["\n", name, "\t", value] {
            lines.push_str(part);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: Response) -> String {
        let headers = headers("r1", &Cost::default(), &response);
        let Response { status, body, objects, .. } = response;
        Step::Respond { status, log: "{}".to_owned(), headers, body, objects }
            .text(&Id::parse("V000000000000000").unwrap())
    }

    #[test]
    fn a_response_is_its_status_its_headers_and_after_an_empty_line_its_body() {
        assert_eq!(
            text(Response::json(201, "{}".to_owned()).with("location", "/v1/x")),
            "respond V000000000000000 201 {}\nx-request-id\tr1\nserver-timing\td1;dur=0.000;desc=\"0 rows read, 0 written\"\n\
             content-type\tapplication/json; charset=utf-8\nlocation\t/v1/x\n\n{}"
        );
    }

    #[test]
    fn a_page_says_which_objects_it_has_and_what_is_around_them() {
        let page = Response::page("{\"data\":[".to_owned(), Objects { count: 2, backwards: true, after: "]}" });
        assert!(text(page).ends_with("\n\n2 backwards\n]}\n{\"data\":["));
    }

    #[test]
    fn a_request_is_over_when_it_is_answered_but_for_a_401() {
        let respond =
            |status| Step::Respond { status, log: String::new(), headers: String::new(), body: None, objects: None };
        assert!(!respond(200).waits() && respond(401).waits() && Step::File.waits());
    }
}
