//! The conversations API, a Worker on D1. This file is the whole journey of a request:
//! in, parsed, one call to D1, out. Everything it passes through lives in the modules below.
//!
//! `entry.js` takes an [`Exchange`] along that road: whatever has to be waited for, it waits for. Here nothing waits, so
//! everything but the clock and the platform's randomness runs natively under `cargo test`.
#![forbid(unsafe_code)]

mod attributes;
mod auth;
mod body;
mod call;
mod conversations;
mod d1;
mod edge;
mod error;
mod id;
mod messages;
mod page;
mod request;
mod response;
mod routes;
mod values;

use wasm_bindgen::prelude::wasm_bindgen;

use crate::{
    auth::Caller,
    call::Call,
    d1::Cost,
    edge::Step,
    error::{Code, Error},
    id::Id,
    request::{Head, Request},
    response::Response,
    routes::{Destination, Endpoint},
};

/// One request, from its arrival to its answer. Each method gives the next step, as `edge.rs` writes it.
#[wasm_bindgen]
pub struct Exchange {
    head: Head,
    request_id: String,
    /// Milliseconds since the Unix epoch.
    now: u64,
    cost: Cost,
    known: Option<(Endpoint, Caller)>,
    call: Option<(Caller, Call)>,
}

#[wasm_bindgen]
impl Exchange {
    /// A request has arrived. `head` is what `head` in `edge.js` gives, `now` milliseconds since the Unix epoch.
    #[wasm_bindgen(constructor)]
    pub fn new(head: &str, now: f64) -> Self {
        let now = now as u64;
        Self {
            head: Head::parse(head),
            request_id: Id::new(now).map(|id| id.to_string()).unwrap_or_default(),
            now,
            cost: Cost::default(),
            known: None,
            call: None,
        }
    }

    /// In: which endpoint it is for, and whose it is.
    pub fn begin(&mut self) -> String {
        match routes::find(&self.head) {
            Ok(Destination::Endpoint(endpoint)) => {
                match auth::caller(self.head.authorization.as_deref(), endpoint.scope) {
                    Ok(caller) if self.head.has_body => {
                        let limit = endpoint.body_limit;
                        self.known = Some((endpoint, caller));
                        Step::Body(limit).text()
                    }
                    Ok(caller) => self.parse(&endpoint, caller, Ok(Vec::new())),
                    Err(error) => self.refuse(error),
                }
            }
            Ok(Destination::Documentation) => Step::File(self.headers(&Response::no_content())).text(),
            Ok(Destination::Preflight) => self.respond(Response::preflight()),
            Ok(Destination::Options(allow)) => self.respond(Response::options(allow)),
            Err(error) => self.refuse(error),
        }
    }

    /// The body is here; None when it was too large.
    pub fn body(&mut self, bytes: Option<Vec<u8>>) -> String {
        let Some((endpoint, caller)) = self.known.take() else {
            return self.refuse(Error::internal("a body that was not asked for"));
        };
        let too_large =
            || Error::new(Code::BodyTooLarge, format!("The body must be at most {} bytes.", endpoint.body_limit));
        let bytes = bytes.ok_or_else(too_large);
        self.parse(&endpoint, caller, bytes)
    }

    /// Parsed, and so one call to D1. What is wrong with a request is told only to a caller whose token is good: even a
    /// refusal asks D1.
    fn parse(&mut self, endpoint: &Endpoint, caller: Caller, body: Result<Vec<u8>, Error>) -> String {
        let call = body
            .and_then(|body| Request::parse(&self.head, endpoint, &body, self.now))
            .and_then(endpoint.handler)
            .unwrap_or_else(Call::refusal);
        let step = Step::Call { statements: d1::statements(&caller, &call, self.now), answering: call.answer };
        self.call = Some((caller, call));
        step.text()
    }

    /// Out: D1 has answered with what `send` in `edge.js` gives.
    pub fn answer(&mut self, text: &str) -> String {
        let Some((caller, call)) = self.call.take() else {
            return self.refuse(Error::internal("an answer that was not asked for"));
        };
        let (answer, cost) = d1::read(text);
        self.cost = cost;
        match answer.authorized(&caller).and_then(call.render) {
            Ok(response) => self.respond(response),
            Err(error) => self.refuse(error),
        }
    }

    /// D1 has not answered, but thrown this; None when there is no D1.
    pub fn d1_failed(&self, message: Option<String>) -> String {
        self.refuse(d1::failure(message))
    }

    /// The body did not arrive whole.
    pub fn body_lost(&self) -> String {
        self.refuse(Error::new(Code::BodyMalformed, "The body did not arrive whole. Send it again."))
    }

    /// There are no static files.
    pub fn file_missing(&self) -> String {
        self.refuse(Error::internal("wrangler.toml binds no static files as ASSETS"))
    }

    /// The step that tells of an error. Its cause, if any, goes to the log.
    fn refuse(&self, error: Error) -> String {
        if let Some(cause) = &error.cause {
            worker::console_error!("{} {}: {cause}", self.request_id, error.code.name());
        }
        self.respond(error.response(&self.head.origin, &self.request_id))
    }

    fn respond(&self, response: Response) -> String {
        let headers = self.headers(&response);
        Step::Respond { status: response.status, headers, body: response.body }.text()
    }

    fn headers(&self, response: &Response) -> String {
        edge::headers(&self.request_id, &self.cost, response)
    }
}

/// The text of the statement that an id stands for.
#[wasm_bindgen]
pub fn sql(id: usize) -> Option<String> {
    d1::sql(id).map(str::to_owned)
}

#[worker::event(start)]
fn start() {
    console_error_panic_hook::set_once();
}
