//! The only place beside `lib.rs` that knows the platform: its requests, limiters, database, files and responses. They
//! are used through the `worker` crate. Only what every request does, and what would cross between wasm and JavaScript
//! many times, goes through `helper.js`, which crosses once.

pub mod bell;
mod dispatcher;
pub mod failure;
pub mod stream;

use std::rc::Rc;

use serde::{Serialize, Serializer};
use worker::{
    Context, Date, Delay, Env, console_error, console_log,
    js_sys::{Array, Error as JsError, Promise, Uint8Array},
    wasm_bindgen::{self, JsCast, JsValue, prelude::wasm_bindgen},
    wasm_bindgen_futures::JsFuture,
    web_sys,
};

use crate::{
    auth::{
        caller::{Caller, token_invalid},
        scopes::Scopes,
    },
    bookmark::{Bookmark, FIRST_PRIMARY},
    health,
    http::{
        cors,
        error::{Code, Error},
        head::Head,
        log::{Cost, Record},
        response::{Body, Objects, Response},
    },
    id::Id,
    last_use,
    limits::{self, By, Limit},
    moved,
    platform::{
        bell::{Bells, Listener},
        failure::Failure,
        stream::{Left, Stream},
    },
    query::{Query, Rows, Statement, batch_json},
    routes,
    shard::{AccountKey, Shard},
    webhooks::{self, signature::Key},
};

#[wasm_bindgen(module = "/src/platform/helper.js", wasm_bindgen_futures = worker::wasm_bindgen_futures)]
extern "C" {
    fn head(request: &web_sys::Request) -> String;
    #[wasm_bindgen(catch)]
    async fn body(request: &web_sys::Request, limit: usize, discarded: usize) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    async fn allows(limiter: &Limiter, key: &str) -> Result<JsValue, JsValue>;
    fn bookmark(request: &web_sys::Request) -> Option<String>;
    fn batch(
        database: &Database,
        statements: &str,
        before: Option<&Found>,
        is_shared: bool,
        freshness: Option<&str>,
    ) -> Promise;
    #[wasm_bindgen(js_name = forgetObjects)]
    fn forget_objects(found: &Found);
    fn databases(env: &Env) -> Array;
    #[wasm_bindgen(catch)]
    async fn unavailable(env: &Env, statements: &str, milliseconds: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = rows)]
    async fn rows_of_last(database: &Database, statements: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    fn respond(status: u16, headers: &str, body: Option<&str>) -> Result<web_sys::Response, JsValue>;
    #[wasm_bindgen(catch, js_name = findFile)]
    async fn find_file(assets: &JsValue, request: &web_sys::Request) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = respondWithFile)]
    fn respond_with_file(file: &web_sys::Response, headers: &str) -> Result<web_sys::Response, JsValue>;
    #[wasm_bindgen(catch, js_name = respondWithObjects)]
    fn respond_with_objects(
        status: u16,
        headers: &str,
        before: &str,
        found: &Found,
        reversed: bool,
        after: &str,
    ) -> Result<web_sys::Response, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// `env`, as `wrangler.toml` describes it. `Env`'s own getters check the name of each binding's class, which
    /// another Worker in a binding's place does not have.
    type Bindings;
    #[wasm_bindgen(method, structural, indexing_getter)]
    fn database(this: &Bindings, name: &str) -> Option<Database>;
    #[wasm_bindgen(method, getter, js_name = ACCOUNT_LIMIT)]
    fn account_limit(this: &Bindings) -> Option<Limiter>;
    #[wasm_bindgen(method, getter, js_name = ADDRESS_LIMIT)]
    fn address_limit(this: &Bindings) -> Option<Limiter>;
    /// The static files.
    #[wasm_bindgen(method, getter, js_name = ASSETS)]
    fn assets(this: &Bindings) -> JsValue;
    /// The Durable Objects of the accounts.
    #[wasm_bindgen(method, getter, js_name = ACCOUNT)]
    fn bells(this: &Bindings) -> Option<Bells>;
    /// The variable `EVENT_RETENTION_DAYS`.
    #[wasm_bindgen(method, getter, js_name = EVENT_RETENTION_DAYS)]
    fn event_retention_days(this: &Bindings) -> Option<f64>;
    /// The secret `WEBHOOK_KEY`.
    #[wasm_bindgen(method, getter, js_name = WEBHOOK_KEY)]
    fn webhook_key(this: &Bindings) -> Option<String>;
    /// The variable `ALLOW_LOOPBACK_WEBHOOKS`: `true`, or `"true"` from the command line.
    #[wasm_bindgen(method, getter, js_name = ALLOW_LOOPBACK_WEBHOOKS)]
    fn allow_loopback_webhooks(this: &Bindings) -> JsValue;
    /// The variable `READ_REPLICATION`, alike.
    #[wasm_bindgen(method, getter, js_name = READ_REPLICATION)]
    fn read_replication(this: &Bindings) -> JsValue;
    /// The variable `LIMITS`: what the limiters are set to.
    #[wasm_bindgen(method, getter, js_name = LIMITS)]
    fn limits(this: &Bindings) -> Option<LimitsVariable>;

    type Database;
    type Limiter;

    type LimitsVariable;
    #[wasm_bindgen(method, getter)]
    fn account(this: &LimitsVariable) -> Option<LimitVariable>;
    #[wasm_bindgen(method, getter)]
    fn address(this: &LimitsVariable) -> Option<LimitVariable>;
    type LimitVariable;
    #[wasm_bindgen(method, getter)]
    fn limit(this: &LimitVariable) -> u32;
    #[wasm_bindgen(method, getter)]
    fn period(this: &LimitVariable) -> u32;

    /// What a call to D1 found: `Rows`, the cost of it (the duration in microseconds), and the objects.
    pub type Found;
    #[wasm_bindgen(method, getter)]
    fn account(this: &Found) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn token(this: &Found) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn scopes(this: &Found) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn is_watched(this: &Found) -> bool;
    #[wasm_bindgen(method, getter)]
    fn outcome(this: &Found) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn replay(this: &Found) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn tag(this: &Found) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn first(this: &Found) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn last(this: &Found) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn has_more(this: &Found) -> bool;
    #[wasm_bindgen(method, getter)]
    fn resume(this: &Found) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn beside(this: &Found) -> Option<String>;
    /// The state of the database that was seen. Only with replicas.
    #[wasm_bindgen(method, getter, js_name = bookmark)]
    fn state(this: &Found) -> Option<String>;
    /// Of statements without a caller: the rows of the last one.
    #[wasm_bindgen(method, getter)]
    fn rows(this: &Found) -> Array;
    #[wasm_bindgen(method, getter)]
    fn calls(this: &Found) -> usize;
    #[wasm_bindgen(method, getter)]
    fn duration(this: &Found) -> f64;
    #[wasm_bindgen(method, getter)]
    fn rows_read(this: &Found) -> f64;
    #[wasm_bindgen(method, getter)]
    fn rows_written(this: &Found) -> f64;
}

/// Why a request can have no response at all. (An error of the `worker` crate costs 5 kB of wasm to be written out.)
pub type Fatal = &'static str;

/// How many bytes of a body that is too large are read and dropped before the response.
const MAX_DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// How many databases a request looks for an account in.
const MAX_MOVES: usize = 8;

/// How long a health check waits for the databases, in milliseconds.
const HEALTH_TIMEOUT: u32 = 5_000;

/// A request on its way through the Worker, and what becomes known of it.
pub struct Incoming {
    /// What it says before its body.
    pub head: Head,
    /// Its id.
    pub id: Id,
    /// What the log will say of it.
    pub record: Record,
    request: web_sys::Request,
    env: Env,
    context: Rc<Context>,
    /// What D1 found, with the objects.
    found: Option<Found>,
    /// The static file that was found.
    file: Option<web_sys::Response>,
    /// The stream that was opened.
    stream: Option<Stream>,
    /// How fresh the data must be. None without replicas.
    freshness: Option<String>,
    /// How often the account had moved.
    moves: usize,
}

impl Incoming {
    /// Takes in a request. Errors when the platform has no randomness for an id.
    pub fn new(request: web_sys::Request, env: Env, context: Context) -> Result<Self, Fatal> {
        Ok(Self {
            head: Head::parse(&head(&request)),
            id: Id::new(Date::now().as_millis()).map_err(|_| "the platform has no randomness for an id")?,
            record: Record::default(),
            request,
            env,
            context: Rc::new(context),
            found: None,
            file: None,
            stream: None,
            freshness: None,
            moves: 0,
        })
    }

    /// The time, in milliseconds since the Unix epoch. Only for waiting: what is stored goes by the database's clock.
    pub fn now() -> u64 {
        Date::now().as_millis()
    }

    /// Begins to listen for changes of the caller's account. Errors: 429.
    pub async fn listen(&self) -> Result<Listener, Error> {
        let token = self.record.token.as_deref().unwrap_or_default();
        let account = self.account().ok_or_else(|| Error::internal("a listener without an account"))?;
        Listener::new(&self.env, account, token).await
    }

    /// Opens the response as a stream, which `write` writes after the response has begun. It gets what this request has
    /// found so far.
    pub fn stream<Writing: Future<Output = ()> + 'static>(&mut self, write: impl FnOnce(Self, Stream) -> Writing) {
        let stream = self.stream.insert(Stream::new()).clone();
        let writer = Self {
            head: Head::default(),
            id: self.id.clone(),
            record: self.record.clone(),
            request: Clone::clone(&self.request),
            env: self.env.clone(),
            context: self.context.clone(),
            found: self.found.take(),
            file: None,
            stream: None,
            freshness: self.freshness.clone(),
            moves: 0,
        };
        self.context.wait_until(write(writer, stream));
    }

    /// The caller's account, once the database has said so.
    fn account(&self) -> Option<AccountKey> {
        Some(AccountKey { shard: self.record.shard?, number: self.record.account? })
    }

    /// The line in the log for the end of a stream.
    pub fn log_end(mut self, failure: Option<Error>) {
        let status = failure.as_ref().map_or(200, |error| error.code.status());
        if let Some(mut error) = failure {
            self.record.failed(&mut error);
        }
        log((status, self.record.line(self.id.as_str(), "STREAM", status)));
    }

    /// Writes the events that were found to a stream, and forgets them. Fails when the caller has left.
    pub async fn write_found(&mut self, stream: &Stream) -> Result<(), Left> {
        match self.found.take() {
            Some(found) => stream.events(&found).await,
            None => Ok(()),
        }
    }

    /// What the operator has set for webhooks. None where there are none, and for other routes.
    pub fn webhooks(&self) -> Option<webhooks::Settings> {
        self.record.route.filter(|route| route.starts_with(WEBHOOKS)).and_then(|_| webhook_settings(&self.env))
    }

    /// The whole body. Never holds more than `max` bytes. Errors: 413, and 400 when it did not arrive whole.
    pub async fn body(&self, max: usize) -> Result<Vec<u8>, Error> {
        if !self.head.has_body {
            return Ok(Vec::new());
        }
        let bytes = body(&self.request, max, MAX_DISCARDED_BYTES)
            .await
            .map_err(|_| Error::new(Code::BodyMalformed, "The body did not arrive completely. Send it again."))?;
        if bytes.is_undefined() {
            let message = ["The body must be at most ", &max.to_string(), " bytes."].concat();
            return Err(Error::new(Code::BodyTooLarge, message));
        }
        Ok(bytes.unchecked_into::<Uint8Array>().to_vec())
    }

    /// Finds the account in this isolate's memory: it may have moved since the token was made. Errors: 401 for a token
    /// that names a database which is not bound.
    pub fn recognize(&self, caller: &mut Caller) -> Result<(), Error> {
        caller.account = limits::account_of(caller.hash.as_str());
        caller.shard = caller.account.map_or(caller.shard, |account| account.shard);
        let is_known = caller.shard == Shard::FIRST || database(&self.env, caller.shard).is_ok();
        if is_known { Ok(()) } else { Err(token_invalid()) }
    }

    /// Reads how fresh the data must be that this request reads. Errors: 400.
    pub fn read_bookmark(&mut self, caller: &Caller) -> Result<(), Error> {
        if caller.token.is_some() && is_true(&self.env.unchecked_ref::<Bindings>().read_replication()) {
            // A bookmark that is refused must not decide where the refusal is read.
            self.freshness = Some(FIRST_PRIMARY.to_owned());
            if let Some(bookmark) = bookmark(&self.request) {
                self.freshness = Some(Bookmark::parse(&bookmark)?.state(caller)?);
            }
        }
        Ok(())
    }

    /// Counts the request before anything is done for it: by its account, by its token while this isolate does not know
    /// the account, or by its network where it has no token. Errors: 429.
    pub async fn limit(&self, caller: &Caller) -> Result<(), Error> {
        if let Some(account) = caller.account {
            return self.count(By::Account, &account.text()).await;
        }
        let network = self.network();
        self.refuse_blocked(&network)?;
        self.count(By::Account, if caller.token.is_some() { caller.hash.as_str() } else { &network }).await
    }

    /// Counts a failure to authenticate by the request's network. Errors: 429.
    pub async fn limit_network(&self) -> Result<(), Error> {
        let network = self.network();
        self.refuse_blocked(&network)?;
        self.count(By::Address, &network).await
    }

    fn network(&self) -> String {
        limits::network(self.head.cf_connecting_ip.as_deref().unwrap_or_default())
    }

    fn refuse_blocked(&self, network: &str) -> Result<(), Error> {
        match limits::seconds_blocked(network, Date::now().as_millis()) {
            Some(_) => Err(self.exceeded(By::Address, network)),
            None => Ok(()),
        }
    }

    /// A limiter that fails, or that is not bound, limits nothing.
    async fn count(&self, by: By, key: &str) -> Result<(), Error> {
        let bindings: &Bindings = self.env.unchecked_ref();
        let limiter = match by {
            By::Account => bindings.account_limit(),
            By::Address => bindings.address_limit(),
        };
        let Some(limiter) = limiter else { return Ok(()) };
        match allows(&limiter, key).await {
            Ok(allowed) if allowed.is_falsy() => Err(self.exceeded(by, key)),
            _ => Ok(()),
        }
    }

    /// The error of a limit. A network that exceeds its limit is blocked to the end of the period.
    fn exceeded(&self, by: By, key: &str) -> Error {
        let limit = self.env.unchecked_ref::<Bindings>().limits().and_then(|limits| match by {
            By::Account => limits.account(),
            By::Address => limits.address(),
        });
        match limit {
            Some(limit) => {
                let limit = Limit { limit: limit.limit(), period: limit.period() };
                limits::exceeded(by, limit, key, Date::now().as_millis())
            }
            None => Error::internal("wrangler.toml has no variable LIMITS that says what the limiters are set to"),
        }
    }

    /// Runs a query in one call to D1. A call that fails in passing is repeated where that does no harm, and one that
    /// has looked at enough rows for one call goes on in another.
    pub async fn run(&mut self, caller: &Caller, query: &mut Query) -> Result<Rows, Error> {
        if query.is_for_all
            && let Ok(names) = unavailable(&self.env, &query.to_json(caller), HEALTH_TIMEOUT).await
            && let Some(names) = names.as_string()
        {
            self.record.d1_calls = databases(&self.env).length() as usize;
            return if names.is_empty() { Ok(Rows::default()) } else { Err(health::unavailable(&names)) };
        }
        let mut failures = 0;
        // Asks where the account is instead.
        let mut forward: Option<Query> = None;
        loop {
            let asked = forward.as_ref().unwrap_or(query);
            let failure = match self.batch(caller, asked).await {
                Ok(Rows { resume: Some(position), .. }) => {
                    query.resume(position);
                    continue;
                }
                Ok(rows) => match forward {
                    None if rows.is_elsewhere() => {
                        forward = Some(moved::forward());
                        continue;
                    }
                    None => return Ok(rows),
                    Some(_) => return Ok(Rows { moved_to: Some(moved::destination(&rows)?), ..rows }),
                },
                Err(failure) => failure,
            };
            self.record.d1_calls += 1;
            failures += 1;
            match failure.retry_delay(failures, asked.repeatable, &self.id) {
                Some(delay) => Delay::from(delay).await,
                None => return Err(failure.into_error()),
            }
        }
    }

    /// Goes after an account that has moved. False if it has not, or if it has moved too often to be found.
    pub fn follow(&mut self, caller: &mut Caller, rows: &Rows) -> bool {
        let Some(shard) = rows.moved_to.filter(|_| self.moves < MAX_MOVES) else { return false };
        self.moves += 1;
        // Those who listen where it was find out that it has moved.
        if let Some(account) = self.account() {
            self.context.wait_until(bell::ring(self.env.clone(), account, false));
        }
        if let Some(found) = &self.found {
            forget_objects(found);
        }
        caller.shard = shard;
        true
    }

    async fn batch(&mut self, caller: &Caller, query: &Query) -> Result<Rows, Failure> {
        let database = database(&self.env, caller.shard)?;
        self.record.shard = Some(caller.shard);
        let freshness = self.freshness.as_deref().map(|state| if query.is_shared { FIRST_PRIMARY } else { state });
        // The text is gone before the wait: kilobytes of each waiting request would fill the memory of the wasm.
        let json = query.to_json(caller);
        let found = JsFuture::from(batch(&database, &json, self.found.as_ref(), query.is_shared, freshness));
        drop(json);
        let found: &Found = self.found.insert(answered(found.await)?);
        if self.freshness.is_some() {
            self.freshness = found.state().or(self.freshness.take());
        }
        self.record.d1_calls += found.calls();
        let token = found.token();
        let (token, day) = token.as_deref().map(last_use::split).unzip();
        self.record.token = token.map(str::to_owned);
        self.record.cost = found.cost();
        let account = found.account().map(|account| account as i64);
        self.record.account = account.map(i64::unsigned_abs).filter(|number| *number != 0);
        let key = self.record.account.map(|number| AccountKey { shard: caller.shard, number });
        limits::remember(caller.hash.as_str(), key);
        if let (Some(_), Some(day)) = (key, day.flatten())
            && let Some(statement) = last_use::write(&caller.hash, day)
        {
            let (env, shard, hash) = (self.env.clone(), caller.shard, caller.hash.clone());
            self.context.wait_until(async move {
                if run(&env, shard, &[statement]).await.is_err() {
                    last_use::failed(&hash);
                }
            });
        }
        Ok(Rows {
            account,
            scopes: Scopes::of_bits(found.scopes().unwrap_or_default() as i64),
            outcome: found.outcome(),
            replay: found.replay(),
            tag: found.tag(),
            first: found.first(),
            last: found.last(),
            has_more: found.has_more(),
            resume: found.resume(),
            beside: found.beside(),
            moved_to: None,
        })
    }

    /// The static file of the path. None when there is none.
    pub async fn file(&mut self) -> Result<Option<Response>, Error> {
        let assets = self.env.unchecked_ref::<Bindings>().assets();
        let file = find_file(&assets, &self.request).await;
        let file = file.map_err(|_| Error::internal("the binding ASSETS of wrangler.toml does not answer"))?;
        let file: &web_sys::Response = self.file.insert(file.unchecked_into());
        Ok((file.status() != 404).then(|| Response::file(file.status())))
    }

    /// The platform's response, and the request's line in the log.
    pub fn finish(mut self, answered: Result<Response, Error>) -> Result<web_sys::Response, Fatal> {
        let request_id = self.id.as_str();
        let response = answered.unwrap_or_else(|mut error| {
            self.record.failed(&mut error);
            error.into_response(&self.head.url.origin, request_id)
        });
        let line = self.record.line(request_id, &self.head.method, response.status);
        log((response.status, line));

        let account = self.account();
        let timing = self.record.cost.server_timing();
        let no_store =
            response.status >= 400 || response.is_private || self.record.route.is_some_and(routes::is_private);
        let cache = if no_store { "private, no-store" } else { "private, no-cache" };
        let mut headers = vec![("x-request-id", request_id), ("cache-control", cache), NO_SNIFFING];
        if self.head.url.is_https() {
            // Not `includeSubDomains`: other hosts below this one are not this Worker's.
            headers.push(("strict-transport-security", "max-age=63072000"));
        }
        // The rows that were read would tell a token that was revoked from one that never existed.
        let shows_database = !matches!(response.status, 401 | 429);
        if shows_database {
            headers.push(("server-timing", &timing));
        }
        let bookmark = match (self.record.shard, self.freshness) {
            (Some(shard), Some(state)) if shows_database && state != FIRST_PRIMARY => {
                Some(Bookmark::text(shard, &state))
            }
            _ => None,
        };
        if let Some(bookmark) = &bookmark {
            headers.push(("x-d1-bookmark", bookmark));
        }
        headers.extend(cors::HEADERS);
        headers.extend(response.headers.iter().map(|(name, value)| (*name, &**value)));
        if matches!(response.body, Body::Json(_) | Body::Objects(_)) {
            headers.push(("content-type", "application/json; charset=utf-8"));
        }
        // Strings have no way to fail to serialize.
        let fields = serde_json::to_string(&Fields(&headers)).unwrap_or_default();
        let status = response.status;
        let of_webhooks = self.record.route.is_some_and(|route| route.starts_with(WEBHOOKS));
        if let (Some(account), Some(found)) = (account, &self.found)
            && (of_webhooks || found.is_watched())
            && self.record.cost.rows_written > 0
        {
            self.context.wait_until(bell::ring(self.env, account, of_webhooks));
        }
        if let (Body::Stream, Some(stream)) = (&response.body, self.stream) {
            return stream.respond(status, &fields).map_err(|_| REFUSED);
        }
        match (response.body, self.file, self.found) {
            (Body::File, Some(file), _) => respond_with_file(&file, &fields).map_err(|_| REFUSED),
            (Body::Objects(Objects { before, reversed, after }), _, Some(found)) => {
                respond_with_objects(status, &fields, &before, &found, reversed, &after).map_err(|_| REFUSED)
            }
            (Body::Json(json), ..) => respond(status, &fields, Some(&json)).map_err(|_| REFUSED),
            _ => respond(status, &fields, None).map_err(|_| REFUSED),
        }
    }
}

impl Found {
    fn cost(&self) -> Cost {
        Cost {
            duration: self.duration().round() as u64,
            rows_read: self.rows_read() as u64,
            rows_written: self.rows_written() as u64,
        }
    }
}

fn database(env: &Env, shard: Shard) -> Result<Database, Failure> {
    let name = shard.binding();
    let bound = env.unchecked_ref::<Bindings>().database(&name);
    bound.ok_or_else(|| Failure::Fault(["wrangler.toml binds no D1 database as ", &name].concat()))
}

/// Whether a variable is `true`, or `"true"` from the command line.
fn is_true(variable: &JsValue) -> bool {
    variable.as_bool().unwrap_or_else(|| variable.as_string().as_deref() == Some("true"))
}

/// What a call to D1 found, or why it failed.
fn answered(result: Result<JsValue, JsValue>) -> Result<Found, Failure> {
    result.map(JsCast::unchecked_into).map_err(|thrown| Failure::classify(message(&thrown)))
}

/// What the routes of webhooks begin with.
const WEBHOOKS: &str = "/v1/webhooks";

/// What the operator has set for webhooks. None without a secret from which theirs can be derived.
fn webhook_settings(env: &Env) -> Option<webhooks::Settings> {
    let bindings: &Bindings = env.unchecked_ref();
    let key = bindings.webhook_key().and_then(Key::parse)?;
    let allow_loopback = is_true(&bindings.allow_loopback_webhooks());
    Some(webhooks::Settings { key, allow_loopback })
}

/// For how many days events are kept: 30, unless the operator has set another number (contract, "Events").
pub fn event_retention_days(env: &Env) -> i64 {
    env.unchecked_ref::<Bindings>().event_retention_days().map_or(30, |days| days as i64)
}

/// Runs statements that have no caller in one call to D1. Returns the account that they name, and the cost.
pub async fn run(env: &Env, shard: Shard, statements: &[Statement]) -> Result<(Option<i64>, Cost), Failure> {
    let found = JsFuture::from(batch(&database(env, shard)?, &batch_json(&[], statements, 0), None, false, None));
    let found = answered(found.await)?;
    Ok((found.account().map(|account| account as i64), found.cost()))
}

/// Runs statements that have no caller in one call to D1. The rows of the last one, whose type the caller knows, and
/// the cost.
async fn rows<Row: JsCast>(env: &Env, shard: Shard, json: &str) -> Result<(Vec<Row>, Cost), Failure> {
    let found = answered(rows_of_last(&database(env, shard)?, json).await)?;
    Ok((found.rows().iter().map(JsCast::unchecked_into).collect(), found.cost()))
}

/// Writes a line to the log, as an error if the status is one of the server's.
pub fn log((status, line): (u16, String)) {
    if status < 500 { console_log!("{line}") } else { console_error!("{line}") }
}

/// Browsers must use the type in `Content-Type`.
const NO_SNIFFING: (&str, &str) = ("x-content-type-options", "nosniff");

/// Headers as a JSON object: the platform takes a list of pairs at twice the cost.
struct Fields<'a>(&'a [(&'a str, &'a str)]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

const REFUSED: Fatal = "the platform refused the response";

/// What a thrown value says.
fn message(thrown: &JsValue) -> String {
    match thrown.dyn_ref::<JsError>() {
        Some(error) => error.message().into(),
        None => thrown.as_string().unwrap_or_default(),
    }
}
