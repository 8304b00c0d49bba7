//! The bell of an account: a Durable Object that wakes those who listen for changes. It carries no data and stores
//! none, so a ring that is lost or comes twice does no harm. Listeners hold a WebSocket, with which the object can
//! hibernate.

use worker::{
    DurableObject, Env, Request, Response, Result, State, WebSocketPair, durable_object,
    js_sys::Promise,
    wasm_bindgen::{self, JsCast, JsValue, prelude::wasm_bindgen},
    wasm_bindgen_futures::JsFuture,
};

use crate::{
    http::error::Error,
    limits,
    platform::{self, Bindings},
    watch,
};

#[wasm_bindgen(module = "/src/platform/helper.js", wasm_bindgen_futures = worker::wasm_bindgen_futures)]
extern "C" {
    #[wasm_bindgen(catch, js_name = ring)]
    async fn ring_bell(bells: &Bells, account: &str) -> std::result::Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    async fn listen(bells: &Bells, account: &str, token: &str) -> std::result::Result<JsValue, JsValue>;
    fn rung(socket: &Socket, milliseconds: f64) -> Promise;
    fn leave(socket: &Socket);
}

#[wasm_bindgen]
extern "C" {
    /// The Durable Objects of all accounts.
    pub type Bells;
    /// A listener's side of the WebSocket.
    type Socket;
    #[wasm_bindgen(method, getter, js_name = isClosed)]
    fn is_closed(this: &Socket) -> bool;
}

/// How many may listen at once with one token, and in one account. Each holds a WebSocket.
const MAX_OF_TOKEN: usize = 10;
const MAX_OF_ACCOUNT: usize = 100;

/// The Durable Object.
#[durable_object(fetch)]
pub struct Account {
    state: State,
    env: Env,
}

impl DurableObject for Account {
    fn new(state: State, env: Env) -> Self {
        Self { state, env }
    }

    /// A listener comes, and says its token's id. Or a write rings, and says the account.
    async fn fetch(&self, request: Request) -> Result<Response> {
        let headers = request.headers();
        match (headers.get("token")?, headers.get("account")?) {
            (Some(token), _) => self.accept(&token),
            (None, Some(account)) => self.ring(account.parse().unwrap_or_default()).await,
            (None, None) => Response::error("", 400),
        }
    }
}

impl Account {
    fn accept(&self, token: &str) -> Result<Response> {
        let of_token = self.state.get_websockets_with_tag(token).len();
        if of_token >= MAX_OF_TOKEN || self.state.get_websockets().len() >= MAX_OF_ACCOUNT {
            return Response::error("", 429);
        }
        let pair = WebSocketPair::new()?;
        self.state.accept_websocket_with_tags(&pair.server, &[token]);
        Response::from_websocket(pair.client)
    }

    async fn ring(&self, account: i64) -> Result<Response> {
        if self.state.get_websockets().is_empty() {
            // If this fails, the next write rings again.
            let _ = platform::run(&self.env, &[watch::unmark(account)]).await;
        }
        // Those who came since then read the log again, and mark the account again.
        for socket in self.state.get_websockets() {
            // One that has just left needs no ring.
            let _ = socket.send_with_str("");
        }
        Response::empty()
    }
}

/// Rings the bell of an account. A ring that gets lost only delays: listeners also look by themselves.
pub async fn ring(env: Env, account: u64) {
    if let Some(bells) = env.unchecked_ref::<Bindings>().bells() {
        let _ = ring_bell(&bells, &account.to_string()).await;
    }
}

/// One who listens to the bell of an account.
pub struct Listener {
    socket: Socket,
}

impl Listener {
    /// Begins to listen. Errors: 429 when too many do.
    pub async fn new(env: &Env, account: u64, token: &str) -> std::result::Result<Self, Error> {
        let bells = env.unchecked_ref::<Bindings>().bells();
        let bells = bells.ok_or_else(|| Error::internal("wrangler.toml binds no Durable Object as ACCOUNT"))?;
        let socket = listen(&bells, &account.to_string(), token)
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
