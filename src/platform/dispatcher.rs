//! Sends what is due to the endpoints of an account, from its Durable Object: one event at a time to each, and to all
//! of them at once. What is due, and what became of it, is in the database alone. Nothing here has to outlive the
//! object.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use worker::{
    Date, Env,
    js_sys::Promise,
    wasm_bindgen::{self, JsCast, prelude::wasm_bindgen},
    wasm_bindgen_futures::{JsFuture, spawn_local},
    worker_sys::DurableObjectState,
};

use crate::{
    http::log::Record,
    id::Id,
    platform::{self, failure::Failure},
    query::batch_json,
    shard::AccountKey,
    webhooks::{
        Settings,
        delivery::{self, Due, Outcome, Reply, Task},
        url::EndpointUrl,
    },
};

#[wasm_bindgen(module = "/src/platform/helper.js", wasm_bindgen_futures = worker::wasm_bindgen_futures)]
extern "C" {
    /// Sends a delivery. Never fails.
    fn post(row: &Row, timestamp: &str, signature: &str, milliseconds: u32, bytes: u32) -> Promise;
    /// Sets the object's alarm, unless it rings before that time anyway.
    #[wasm_bindgen(js_name = setAlarm)]
    fn set_alarm(context: &DurableObjectState, account: &str, milliseconds: f64);
}

#[wasm_bindgen]
extern "C" {
    /// A row of what is due. All but the first two are undefined where nothing is.
    type Row;
    /// How many endpoints are enabled.
    #[wasm_bindgen(method, getter)]
    fn endpoints(this: &Row) -> f64;
    /// The seconds until the next attempt that is planned.
    #[wasm_bindgen(method, getter)]
    fn wait(this: &Row) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn webhook(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn task(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn url(this: &Row) -> String;
    #[wasm_bindgen(method, getter)]
    fn salt(this: &Row) -> String;
    #[wasm_bindgen(method, getter)]
    fn previous_salt(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn settings(this: &Row) -> String;
    #[wasm_bindgen(method, getter)]
    fn position(this: &Row) -> f64;
    #[wasm_bindgen(method, getter)]
    fn next(this: &Row) -> f64;
    #[wasm_bindgen(method, getter)]
    fn event_id(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = type)]
    fn event_type(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn failures(this: &Row) -> f64;
    #[wasm_bindgen(method, getter)]
    fn number(this: &Row) -> f64;
    #[wasm_bindgen(method, getter)]
    fn body(this: &Row) -> String;

    /// What came of an attempt.
    type Answer;
    #[wasm_bindgen(method, getter)]
    fn status(this: &Answer) -> Option<u16>;
    #[wasm_bindgen(method, getter)]
    fn error(this: &Answer) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn duration(this: &Answer) -> f64;
    #[wasm_bindgen(method, getter)]
    fn retry_after(this: &Answer) -> Option<f64>;
}

/// How long an attempt may take, in milliseconds, and how much of its response is read, in bytes (contract,
/// "Webhooks").
const TIMEOUT: u32 = 15_000;
const MAX_ANSWER_BYTES: u32 = 1024;

/// How many deliveries one event of the object (a ring, an alarm) begins: Workers on the Free plan allow an event 50
/// requests to others. What is left begins with the next alarm, at once. Each alarm costs as much as a delivery.
const MAX_DELIVERIES: usize = 40;

/// When the database is asked again after it has failed, in milliseconds.
const RETRY: f64 = 5_000.0;

/// What is under way for the endpoints of an account.
pub struct Dispatcher {
    context: Rc<DurableObjectState>,
    env: Env,
    /// None until something was due for the first time.
    account: Cell<Option<AccountKey>>,
    endpoints: Cell<Option<usize>>,
    /// Whether the rounds go on.
    is_running: Cell<bool>,
    /// Whether the next round is for the sweep, or for a change of an endpoint.
    is_thorough: Cell<bool>,
    /// How many deliveries may begin until the next event of the object.
    left: Cell<usize>,
    /// The ids of the endpoints that are being sent something, until the outcome is written.
    busy: RefCell<Vec<String>>,
    /// Outcomes to be written.
    outcomes: RefCell<Vec<Outcome>>,
    signal: Signal,
}

impl Dispatcher {
    /// Nothing is under way.
    pub fn new(context: Rc<DurableObjectState>, env: Env) -> Self {
        Self {
            context,
            env,
            account: Cell::default(),
            endpoints: Cell::default(),
            is_running: Cell::default(),
            is_thorough: Cell::default(),
            left: Cell::default(),
            busy: RefCell::default(),
            outcomes: RefCell::default(),
            signal: Signal::default(),
        }
    }

    /// How many endpoints were enabled when the database was asked last. None: it was not asked yet.
    pub fn endpoints(&self) -> Option<usize> {
        self.endpoints.get()
    }

    /// Something may be due. True if the rounds are to begin: the caller then runs them. `is_thorough` says whether the
    /// sweep, or a change of an endpoint, is the reason.
    pub fn wake(&self, account: AccountKey, is_thorough: bool) -> bool {
        self.account.set(Some(account));
        self.is_thorough.set(self.is_thorough.get() || is_thorough);
        self.left.set(MAX_DELIVERIES);
        self.signal.set();
        !self.is_running.replace(true)
    }

    /// Rounds until nothing is under way. A round begins when something may be due, or has come to its end.
    pub async fn run(self: Rc<Self>) {
        loop {
            self.signal.wait().await;
            // An operator who has taken the key away has stopped the deliveries.
            if self.may_find_something()
                && let Some(settings) = platform::webhook_settings(&self.env)
                && let Err(failure) = self.round(&settings).await
            {
                self.log(failure);
                self.ring_in(RETRY);
            }
            if self.busy.borrow().is_empty() && !self.signal.is_set() {
                break;
            }
        }
        self.is_running.set(false);
    }

    /// Whether a round has anything to do: not while all endpoints are busy. The round that writes an outcome also
    /// finds what has come since.
    fn may_find_something(&self) -> bool {
        let are_busy = self.endpoints.get() == Some(self.busy.borrow().len());
        !are_busy || self.is_thorough.get() || !self.outcomes.borrow().is_empty()
    }

    /// Writes outcomes and begins what is due, in one call to D1. After a failure the outcomes stay for the next round,
    /// and their endpoints busy.
    async fn round(self: &Rc<Self>, settings: &Settings) -> Result<(), Failure> {
        let outcomes = self.outcomes.take();
        let is_written = |webhook: &String| outcomes.iter().any(|outcome| outcome.webhook == *webhook);
        let busy: Vec<String> = self.busy.borrow().iter().filter(|webhook| !is_written(webhook)).cloned().collect();
        let (limit, is_thorough) = (self.left.get(), self.is_thorough.take());
        let found = self.ask(&outcomes, &busy, limit, is_thorough).await;
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                self.outcomes.borrow_mut().extend(outcomes);
                self.is_thorough.set(self.is_thorough.get() || is_thorough);
                return Err(failure);
            }
        };
        self.busy.borrow_mut().retain(|webhook| !is_written(webhook));
        if let Some(row) = found.first() {
            self.endpoints.set(Some(row.endpoints() as usize));
            if let Some(seconds) = row.wait() {
                self.ring_in(1000.0 * seconds);
            }
        }
        let mut left = limit;
        for row in found {
            if let Some(due) = row.due() {
                left = left.saturating_sub(1);
                self.begin(row, due, settings);
            }
        }
        self.left.set(left);
        if left == 0 && limit > 0 {
            self.ring_in(0.0);
        }
        Ok(())
    }

    async fn ask(
        &self,
        outcomes: &[Outcome],
        busy: &[String],
        limit: usize,
        is_thorough: bool,
    ) -> Result<Vec<Row>, Failure> {
        let statements = delivery::round(outcomes, busy, limit, is_thorough);
        let Some(account) = self.account.get() else { return Ok(Vec::new()) };
        let json = batch_json(&[(account.number as i64).into()], &statements, 0);
        platform::rows(&self.env, account.shard, &json).await.map(|(rows, _)| rows)
    }

    /// Begins one thing that is due.
    fn begin(self: &Rc<Self>, row: Row, due: Due, settings: &Settings) {
        self.busy.borrow_mut().push(due.webhook.clone());
        match due.task {
            Task::Pass | Task::Expire => self.end(due.done()),
            Task::Event | Task::Ping => spawn_local(self.clone().send(row, due, settings.clone())),
        }
    }

    /// One attempt.
    async fn send(self: Rc<Self>, row: Row, due: Due, settings: Settings) {
        let reply = match EndpointUrl::parse(&row.url(), settings.allow_loopback) {
            Ok(_) => attempt(&row, &due, &settings).await,
            // The operator has forbidden what was allowed when the endpoint was made.
            Err(_) => Reply { error: Some("url_forbidden".to_owned()), ..Reply::default() },
        };
        let mut random = [0];
        // Without randomness there is no jitter.
        let _ = getrandom::fill(&mut random);
        self.end(due.attempted(reply, u8::from_ne_bytes(random)));
    }

    fn end(&self, outcome: Outcome) {
        self.outcomes.borrow_mut().push(outcome);
        self.signal.set();
    }

    /// Has the object rung for in so many milliseconds.
    fn ring_in(&self, milliseconds: f64) {
        if let Some(account) = self.account.get() {
            set_alarm(&self.context, &account.text(), milliseconds);
        }
    }

    fn log(&self, failure: Failure) {
        let mut record = Record {
            route: Some("deliveries"),
            shard: self.account.get().map(|account| account.shard),
            account: self.account.get().map(|account| account.number),
            d1_calls: 1,
            ..Record::default()
        };
        let mut error = failure.into_error();
        let status = error.code.status();
        record.failed(&mut error);
        if let Ok(id) = Id::new(Date::now().as_millis()) {
            platform::log((status, record.line(id.as_str(), "DELIVER", status)));
        }
    }
}

/// Sends a delivery, signed with the secret, and for a while after a rotation also with the one from before.
async fn attempt(row: &Row, due: &Due, settings: &Settings) -> Reply {
    let timestamp = (Date::now().as_millis() / 1000).to_string();
    let body = row.body();
    let signature = |salt: String| settings.key.secret(&salt).sign(&due.event_id, &timestamp, &body);
    let signatures: Vec<String> =
        [Some(row.salt()), row.previous_salt()].into_iter().flatten().map(signature).collect();
    let answer = JsFuture::from(post(row, &timestamp, &signatures.join(" "), TIMEOUT, MAX_ANSWER_BYTES)).await;
    match answer.map(JsCast::unchecked_into::<Answer>) {
        Ok(answer) => Reply {
            status: answer.status(),
            error: answer.error(),
            duration: answer.duration() as u64,
            retry_after: answer.retry_after().map(|seconds| seconds as u64),
        },
        Err(_) => Reply { error: Some("connection_failed".to_owned()), ..Reply::default() },
    }
}

impl Row {
    /// None where nothing is due.
    fn due(&self) -> Option<Due> {
        let task = match self.task()?.as_str() {
            "ping" => Task::Ping,
            "pass" => Task::Pass,
            "expire" => Task::Expire,
            _ => Task::Event,
        };
        Some(Due {
            webhook: self.webhook()?,
            task,
            settings: self.settings(),
            position: self.position() as i64,
            next: self.next() as i64,
            event_id: self.event_id().unwrap_or_default(),
            event_type: self.event_type(),
            failures: self.failures() as usize,
            number: self.number() as i64,
        })
    }
}

/// Wakes the one who waits for it, now or later.
#[derive(Default)]
struct Signal {
    is_set: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Signal {
    fn is_set(&self) -> bool {
        self.is_set.get()
    }

    fn set(&self) {
        self.is_set.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    async fn wait(&self) {
        poll_fn(|context| {
            if self.is_set.take() {
                return Poll::Ready(());
            }
            *self.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
