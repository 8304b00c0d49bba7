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
mod conditions;
mod conversations;
mod d1;
mod edge;
mod error;
mod id;
mod idempotency;
mod limits;
mod log;
mod messages;
mod object;
mod page;
mod request;
mod response;
mod routes;
mod tokens;
mod values;

use wasm_bindgen::prelude::wasm_bindgen;

use crate::{
    auth::Caller,
    call::Call,
    d1::{Cost, Failure},
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
    id: Id,
    /// Seconds since the Unix epoch.
    now: i64,
    route: Option<&'static str>,
    known: Option<(Endpoint, Caller)>,
    call: Option<(Caller, Call)>,
    /// How often D1 was called.
    calls: u32,
    account: Option<u64>,
    cost: Cost,
}

#[wasm_bindgen]
impl Exchange {
    /// A request has arrived. `head` is what `head` in `edge.js` gives, `now` milliseconds since the Unix epoch. Errors
    /// when the platform has no randomness for an id.
    #[wasm_bindgen(constructor)]
    pub fn new(head: &str, now: f64) -> Result<Self, String> {
        let now = now as u64;
        Ok(Self {
            head: Head::parse(head),
            id: Id::new(now).map_err(|error| error.to_string())?,
            now: (now / 1000).cast_signed(),
            route: None,
            known: None,
            call: None,
            calls: 0,
            account: None,
            cost: Cost::default(),
        })
    }

    /// In: which endpoint it is for, and whose it is.
    pub fn begin(&mut self) -> String {
        match routes::find(&self.head) {
            Ok(Destination::Endpoint(endpoint)) => {
                self.route = Some(endpoint.route);
                match auth::caller(self.head.authorization.as_deref(), endpoint.scope) {
                    Ok(caller) if self.head.has_body => {
                        let step = Step::Body { limit: endpoint.body_limit, caller: caller.hash.clone() };
                        self.known = Some((endpoint, caller));
                        step.text()
                    }
                    Ok(caller) => self.parse(&endpoint, caller, Ok(Vec::new())),
                    Err(error) => self.refuse(error),
                }
            }
            Ok(Destination::File) => Step::File.text(),
            Ok(Destination::Health) => {
                self.route = Some(routes::HEALTH);
                self.call(Caller::nobody(), Call::health())
            }
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
            .and_then(|body| Request::parse(&self.head, endpoint, &caller, &body, &self.id, self.now))
            .and_then(endpoint.handler)
            .unwrap_or_else(Call::refusal);
        self.call(caller, call)
    }

    fn call(&mut self, caller: Caller, call: Call) -> String {
        let statements = d1::statements(&caller, &call, self.now);
        let step = Step::Call { answering: call.answer, caller: caller.hash.clone(), statements };
        self.call = Some((caller, call));
        step.text()
    }

    /// Out: D1 has answered with what `send` in `edge.js` gives.
    pub fn answer(&mut self, text: &[u8]) -> String {
        self.calls += 1;
        let Some((caller, call)) = self.call.take() else {
            return self.refuse(Error::internal("an answer that was not asked for"));
        };
        let (answer, account, cost) = d1::read(&String::from_utf8_lossy(text));
        (self.account, self.cost) = (account, cost);
        match answer.authorized(&caller).and_then(call.render) {
            Ok(response) => self.respond(response),
            Err(error) => self.refuse(error),
        }
    }

    /// D1 has not answered, but thrown this; None when there is no D1. What can be repeated without harm is, twice.
    pub fn d1_failed(&mut self, message: Option<String>) -> String {
        self.calls += 1;
        let failure = Failure::of(message);
        let repeatable = self.call.as_ref().is_some_and(|(_, call)| call.repeatable);
        match (&failure, d1::patience(self.calls, &self.id)) {
            (Failure::Passing(_), Some(milliseconds)) if repeatable => Step::Again(milliseconds).text(),
            _ => self.refuse(failure.error()),
        }
    }

    /// The body did not arrive whole.
    pub fn body_lost(&self) -> String {
        self.refuse(Error::new(Code::BodyMalformed, "The body did not arrive whole. Send it again."))
    }

    /// There have been more requests `by` one token or one address than `limit` in `period` seconds.
    pub fn limited(&self, by: &str, limit: u32, period: u32) -> String {
        self.refuse(limits::exceeded(by, limit, period))
    }

    /// The static file is here, with its own status. The step is that of an answer without a body.
    pub fn file(&self, status: u16) -> String {
        self.respond(Response::file(status))
    }

    /// There is no such static file.
    pub fn file_missing(&self) -> String {
        self.refuse(routes::path_unknown())
    }

    fn refuse(&self, error: Error) -> String {
        let (code, cause) = (error.code, error.cause.clone());
        self.step(error.response(&self.head.origin, &self.id.to_string()), Some(code), cause.as_deref())
    }

    fn respond(&self, response: Response) -> String {
        self.step(response, None, None)
    }

    /// The last step: the answer, and the line that the log gets.
    fn step(&self, response: Response, code: Option<Code>, cause: Option<&str>) -> String {
        let request_id = self.id.to_string();
        let log = log::Line {
            request_id: &request_id,
            method: &self.head.method,
            route: self.route,
            status: response.status,
            account: self.account,
            d1_calls: self.calls,
            cost: &self.cost,
            code,
            cause,
        };
        let headers = edge::headers(&request_id, &self.cost, &response);
        Step::Respond { status: response.status, log: log.text(), headers, body: response.body }.text()
    }
}

/// The text of the statement that an id stands for.
#[wasm_bindgen]
pub fn sql(id: usize) -> Option<String> {
    d1::sql(id).map(str::to_owned)
}

/// The instance is new.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}
