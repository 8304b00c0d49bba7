//! The bell of an account: a Durable Object that wakes those who listen for changes, and delivers to the endpoints of
//! webhooks (`dispatcher.rs`). It stores no data but whose it is, so a ring that is lost or comes twice does no harm.
//! Listeners hold a WebSocket, with which the object can hibernate.

use std::rc::Rc;

use worker::{
    Env,
    js_sys::Promise,
    wasm_bindgen::{self, JsCast, JsValue, prelude::wasm_bindgen},
    wasm_bindgen_futures::{JsFuture, future_to_promise},
    web_sys,
    worker_sys::DurableObjectState,
};

use crate::{
    http::{error::Error, log::Cost},
    limits,
    platform::{self, Bindings, dispatcher::Dispatcher, failure::Failure},
    query::batch_json,
    shard::{AccountKey, Shard},
    watch,
    webhooks::delivery,
};

#[wasm_bindgen(module = "/src/platform/helper.js", wasm_bindgen_futures = worker::wasm_bindgen_futures)]
extern "C" {
    #[wasm_bindgen(catch, js_name = ring)]
    async fn ring_bell(bells: &Bells, account: &str, of_webhooks: bool) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    async fn listen(bells: &Bells, account: &str, token: &str) -> Result<JsValue, JsValue>;
    fn rung(socket: &Socket, milliseconds: f64) -> Promise;
    fn leave(socket: &Socket);

    /// Of a request to the object: the account that a write rings for. None where a listener comes.
    #[wasm_bindgen(js_name = accountRung)]
    fn account_rung(context: &DurableObjectState, request: &web_sys::Request) -> Option<String>;
    #[wasm_bindgen(js_name = isForWebhooks)]
    fn is_for_webhooks(request: &web_sys::Request) -> bool;
    fn admit(
        context: &DurableObjectState,
        request: &web_sys::Request,
        of_token: usize,
        of_account: usize,
    ) -> web_sys::Response;
    fn wake(context: &DurableObjectState) -> usize;
    #[wasm_bindgen(js_name = noContent)]
    fn no_content() -> web_sys::Response;
}

#[wasm_bindgen]
extern "C" {
    /// The Durable Objects of all accounts.
    pub type Bells;
    /// An account with endpoints.
    type Watched;
    #[wasm_bindgen(method, getter)]
    fn account(this: &Watched) -> f64;
    #[wasm_bindgen(method, getter)]
    fn is_behind(this: &Watched) -> f64;
    /// A listener's side of the WebSocket.
    type Socket;
    #[wasm_bindgen(method, getter, js_name = isClosed)]
    fn is_closed(this: &Socket) -> bool;
}

/// How many may listen at once with one token, and in one account. Each holds a WebSocket.
const MAX_OF_TOKEN: usize = 10;
const MAX_OF_ACCOUNT: usize = 100;

/// The Durable Object, as `src/entry.js` has it. Without the crate's macro, whose conversions of requests, responses
/// and errors weigh a kilobyte of wasm.
#[wasm_bindgen]
pub struct Account {
    context: Rc<DurableObjectState>,
    env: Env,
    dispatcher: Rc<Dispatcher>,
}

#[wasm_bindgen]
impl Account {
    /// The object of an account.
    #[wasm_bindgen(constructor)]
    pub fn new(context: DurableObjectState, env: Env) -> Self {
        let context = Rc::new(context);
        let dispatcher = Rc::new(Dispatcher::new(context.clone(), env.clone()));
        Self { context, env, dispatcher }
    }

    /// A listener comes, or a write, the alarm or the sweep rings.
    pub fn fetch(&self, request: web_sys::Request) -> Promise {
        let Some(account) = account_rung(&self.context, &request).as_deref().and_then(AccountKey::parse) else {
            let response = admit(&self.context, &request, MAX_OF_TOKEN, MAX_OF_ACCOUNT);
            return Promise::resolve(&JsValue::from(response));
        };
        let is_for_webhooks = is_for_webhooks(&request);
        if (is_for_webhooks || self.dispatcher.endpoints() != Some(0)) && self.dispatcher.wake(account, is_for_webhooks)
        {
            let dispatcher = self.dispatcher.clone();
            let delivered = future_to_promise(async move {
                dispatcher.run().await;
                Ok(JsValue::UNDEFINED)
            });
            // It goes on when the ring is over.
            let _ = self.context.wait_until(&delivered);
        }
        if wake(&self.context) > 0 || self.dispatcher.endpoints().is_some_and(|endpoints| endpoints > 0) {
            return Promise::resolve(&JsValue::from(no_content()));
        }
        let (context, env) = (self.context.clone(), self.env.clone());
        future_to_promise(async move {
            // If this fails, the next write rings again.
            let _ = platform::run(&env, account.shard, &[watch::unmark(account.number as i64)]).await;
            // Those who came since then read the log again, and mark the account again.
            wake(&context);
            Ok(no_content().into())
        })
    }
}

/// Rings the bell of an account. `of_webhooks` says whether the account may have endpoints that the object does not
/// know of. A ring that gets lost only delays: listeners also look by themselves, and the sweep looks after endpoints.
pub async fn ring(env: Env, account: AccountKey, of_webhooks: bool) {
    if let Some(bells) = env.unchecked_ref::<Bindings>().bells() {
        let _ = ring_bell(&bells, &account.text(), of_webhooks).await;
    }
}

/// Rings for the accounts of a database after this one with endpoints that are behind: a wake-up that got lost only
/// delays. Returns the account to go on after, if there are more, and the cost of the call to D1.
pub async fn ring_behind(env: &Env, shard: Shard, after: i64) -> Result<(Option<i64>, Cost), Failure> {
    let json = batch_json(&[], &[delivery::behind(after)], 0);
    let (found, cost) = platform::rows::<Watched>(env, shard, &json).await?;
    for watched in found.iter().filter(|watched| watched.is_behind() != 0.0) {
        ring(env.clone(), AccountKey { shard, number: watched.account() as u64 }, true).await;
    }
    let last = found.last().filter(|_| found.len() == delivery::WATCHED_ACCOUNTS);
    Ok((last.map(|watched| watched.account() as i64), cost))
}

/// One who listens to the bell of an account.
pub struct Listener {
    socket: Socket,
}

impl Listener {
    /// Begins to listen. Errors: 429 when too many do.
    pub async fn new(env: &Env, account: AccountKey, token: &str) -> Result<Self, Error> {
        let bells = env.unchecked_ref::<Bindings>().bells();
        let bells = bells.ok_or_else(|| Error::internal("wrangler.toml binds no Durable Object as ACCOUNT"))?;
        let socket = listen(&bells, &account.text(), token)
            .await
            .map_err(|thrown| Error::internal(["the bell does not answer: ", &platform::message(&thrown)].concat()))?;
        if socket.is_undefined() {
            return Err(limits::too_many_listeners(MAX_OF_TOKEN, MAX_OF_ACCOUNT));
        }
        Ok(Self { socket: socket.unchecked_into() })
    }

    /// Waits for a ring, so many milliseconds at most. True when it rang since the last time, or when the bell was lost
    /// ([`Listener::is_lost`]).
    pub async fn rings(&self, milliseconds: u64) -> bool {
        JsFuture::from(rung(&self.socket, milliseconds as f64)).await.is_ok_and(|rang| rang.is_truthy())
    }

    /// Whether the bell rings no more, as after a new version of the Worker. Then another listener must take over.
    pub fn is_lost(&self) -> bool {
        self.socket.is_closed()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        leave(&self.socket);
    }
}
