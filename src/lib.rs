//! The conversations API, a Worker on D1. This file is the whole journey of a request:
//! in, parsed, one call to D1, out. Everything it passes through lives in the modules below.
//!
//! `entry.js` takes each request along that road: whatever has to be waited for, it waits for. Here nothing waits, so
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

use std::cell::RefCell;

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

thread_local! {
    /// The requests that wait for something. Few at any time, so they are looked through.
    static WAITING: RefCell<Vec<Exchange>> = const { RefCell::new(Vec::new()) };
}

/// Seconds after which nobody comes back for a request: its caller has gone, and what `entry.js` waited for with it.
/// D1 answers within thirty seconds, or not at all; the rest is for a body that comes slowly.
const PATIENCE: i64 = 900;

/// The requests under way, each known by its id. Every function but `forget` gives the next step, as `edge.rs` writes it;
/// None for a request that isn't under way: the instance is a new one, or the request was waited for too long.
#[wasm_bindgen]
pub struct Exchanges;

#[wasm_bindgen]
impl Exchanges {
    /// A request has arrived. `head` is what `head` in `edge.js` gives, `now` milliseconds since the Unix epoch. Errors
    /// when the platform has no randomness for an id.
    pub fn begin(head: &str, now: f64) -> Result<String, String> {
        let exchange = Exchange::new(head, now).map_err(|error| error.to_string())?;
        WAITING.with_borrow_mut(|waiting| waiting.retain(|other| exchange.now <= other.now + PATIENCE));
        Ok(exchange.on(Exchange::begin))
    }

    /// The body is here; None when it was too large.
    pub fn body(id: &str, bytes: Option<Vec<u8>>) -> Option<String> {
        resume(id, |exchange| exchange.body(bytes))
    }

    /// The body did not arrive whole.
    pub fn body_lost(id: &str) -> Option<String> {
        resume(id, |exchange| exchange.body_lost())
    }

    /// D1 has answered with what `send` in `edge.js` gives; of a page, its positions.
    pub fn answer(id: &str, text: &str) -> Option<String> {
        resume(id, |exchange| exchange.answer(text))
    }

    /// D1 has not answered, but thrown this; None when there is no D1.
    pub fn d1_failed(id: &str, message: Option<String>) -> Option<String> {
        resume(id, |exchange| exchange.d1_failed(message))
    }

    /// There have been more requests `by` one token or one address than `limit` in `period` seconds.
    pub fn limited(id: &str, by: &str, limit: u32, period: u32) -> Option<String> {
        resume(id, |exchange| exchange.refuse(limits::exceeded(by, limit, period)))
    }

    /// The static file is here, with its own status. The step is that of an answer without a body.
    pub fn file(id: &str, status: u16) -> Option<String> {
        resume(id, |exchange| exchange.respond(Response::file(status)))
    }

    /// There is no such static file.
    pub fn file_missing(id: &str) -> Option<String> {
        resume(id, |exchange| exchange.refuse(routes::path_unknown()))
    }

    /// The last step was the last indeed.
    pub fn forget(id: &str) {
        take(id);
    }
}

fn take(id: &str) -> Option<Exchange> {
    WAITING.with_borrow_mut(|waiting| {
        let index = waiting.iter().position(|exchange| exchange.id.as_str() == id)?;
        Some(waiting.swap_remove(index))
    })
}

/// What has been waited for is here.
fn resume(id: &str, go_on: impl FnOnce(&mut Exchange) -> Step) -> Option<String> {
    take(id).map(|exchange| exchange.on(go_on))
}

/// One request, from its arrival to its answer. Each method gives the next step.
struct Exchange {
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

impl Exchange {
    fn new(head: &str, now: f64) -> Result<Self, getrandom::Error> {
        let now = now as u64;
        Ok(Self {
            head: Head::parse(head),
            id: Id::new(now)?,
            now: (now / 1000).cast_signed(),
            route: None,
            known: None,
            call: None,
            calls: 0,
            account: None,
            cost: Cost::default(),
        })
    }

    /// A step further; then it waits, unless it is over.
    fn on(mut self, go_on: impl FnOnce(&mut Self) -> Step) -> String {
        let step = go_on(&mut self);
        let waits = step.waits();
        let text = step.text(&self.id);
        if waits {
            WAITING.with_borrow_mut(|waiting| waiting.push(self));
        }
        text
    }

    /// In: which endpoint it is for, and whose it is.
    fn begin(&mut self) -> Step {
        match routes::find(&self.head) {
            Ok(Destination::Endpoint(endpoint)) => {
                self.route = Some(endpoint.route);
                match auth::caller(self.head.authorization.as_deref(), endpoint.scope) {
                    Ok(caller) if self.head.has_body => {
                        let step = Step::Body { limit: endpoint.body_limit, caller: caller.hash.clone() };
                        self.known = Some((endpoint, caller));
                        step
                    }
                    Ok(caller) => self.parse(&endpoint, caller, Ok(Vec::new())),
                    Err(error) => self.refuse(error),
                }
            }
            Ok(Destination::File) => Step::File,
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
    fn body(&mut self, bytes: Option<Vec<u8>>) -> Step {
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
    fn parse(&mut self, endpoint: &Endpoint, caller: Caller, body: Result<Vec<u8>, Error>) -> Step {
        let call = body
            .and_then(|body| Request::parse(&self.head, endpoint, &caller, &body, &self.id, self.now))
            .and_then(endpoint.handler)
            .unwrap_or_else(Call::refusal);
        self.call(caller, call)
    }

    fn call(&mut self, caller: Caller, call: Call) -> Step {
        let statements = d1::statements(&caller, &call, self.now);
        let step = Step::Call { answering: call.answer, page: call.page, caller: caller.hash.clone(), statements };
        self.call = Some((caller, call));
        step
    }

    /// Out: D1 has answered.
    fn answer(&mut self, text: &str) -> Step {
        self.calls += 1;
        let Some((caller, call)) = self.call.take() else {
            return self.refuse(Error::internal("an answer that was not asked for"));
        };
        let (answer, account, cost) = d1::read(text);
        (self.account, self.cost) = (account, cost);
        match answer.authorized(&caller).and_then(call.render) {
            Ok(response) => self.respond(response),
            Err(error) => self.refuse(error),
        }
    }

    /// D1 has not answered. What can be repeated without harm is, twice.
    fn d1_failed(&mut self, message: Option<String>) -> Step {
        self.calls += 1;
        let failure = Failure::of(message);
        let repeatable = self.call.as_ref().is_some_and(|(_, call)| call.repeatable);
        match (&failure, d1::patience(self.calls, &self.id)) {
            (Failure::Passing(_), Some(milliseconds)) if repeatable => Step::Again(milliseconds),
            _ => self.refuse(failure.error()),
        }
    }

    fn body_lost(&self) -> Step {
        self.refuse(Error::new(Code::BodyMalformed, "The body did not arrive whole. Send it again."))
    }

    fn refuse(&self, error: Error) -> Step {
        let (code, cause) = (error.code, error.cause.clone());
        self.step(error.response(&self.head.origin, &self.id.to_string()), Some(code), cause.as_deref())
    }

    fn respond(&self, response: Response) -> Step {
        self.step(response, None, None)
    }

    /// The last step: the answer, and the line that the log gets.
    fn step(&self, response: Response, code: Option<Code>, cause: Option<&str>) -> Step {
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
        let (log, headers) = (log.text(), edge::headers(&request_id, &self.cost, &response));
        let Response { status, body, objects, .. } = response;
        Step::Respond { status, log, headers, body, objects }
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

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET\nhttps://h/v1/conversations\n\nBearer self_0123456789ABCDEFGHIJabcdefghij4Us3aw\n\n\n";
    const BAD: &str = "GET\nhttps://h/v1/conversations\n\nBearer self_0123456789ABCDEFGHIJabcdefghij4Us3ax\n\n\n";
    const UNKNOWN: &str = "GET\nhttps://h/v1/nothing\n\n\n\n\n";

    /// The first word of the first step, and the request's id.
    fn begin(head: &str, seconds: i64) -> (String, String) {
        let step = Exchanges::begin(head, 1000.0 * seconds as f64).unwrap();
        let mut words = step.split(' ').map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    }

    #[test]
    fn a_request_is_known_until_it_is_answered() {
        let (word, id) = begin(GOOD, 0);
        assert_eq!(word, "call-page");
        assert!(Exchanges::answer(&id, "1 1 0 7 1").unwrap().starts_with(&format!("respond-page {id} 200 ")));
        assert_eq!(Exchanges::answer(&id, "1 1 0 7 1"), None);
        let (word, id) = begin(UNKNOWN, 0);
        assert_eq!(word, "respond");
        assert_eq!(Exchanges::limited(&id, "address", 1, 1), None);
    }

    #[test]
    fn a_401_is_known_until_the_limiter_has_spoken() {
        let [(_, forgotten), (_, limited)] = [begin(BAD, 0), begin(BAD, 0)];
        Exchanges::forget(&forgotten);
        assert_eq!(Exchanges::limited(&forgotten, "address", 1, 1), None);
        assert!(Exchanges::limited(&limited, "address", 1, 1).unwrap().starts_with(&format!("respond {limited} 429 ")));
    }

    #[test]
    fn a_request_that_nobody_came_back_for_is_forgotten() {
        let (_, abandoned) = begin(GOOD, 0);
        let (_, late) = begin(GOOD, 1);
        begin(UNKNOWN, PATIENCE + 1);
        assert_eq!(Exchanges::answer(&abandoned, "1 1 0"), None);
        assert!(Exchanges::answer(&late, "1 1 0").unwrap().starts_with(&format!("respond {late} 401 ")));
    }
}
