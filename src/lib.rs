//! The conversations API, a Worker on D1. This file is the whole journey of a request: route, authenticate, limit,
//! parse, one call to D1, render. Everything that it passes through lives in the modules below.
#![forbid(unsafe_code)]

pub mod auth;
pub mod bookmark;
mod changes;
mod clock;
pub mod conversations;
pub mod events;
pub mod health;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod input;
mod last_use;
pub mod limits;
mod live;
pub mod messages;
mod moved;
pub mod paging;
mod platform;
pub mod query;
mod recent;
mod removal;
pub mod request;
pub mod routes;
pub mod shard;
pub mod sweep;
pub mod tokens;
mod watch;
pub mod webhooks;

use worker::{
    Context, Date, Env, event,
    wasm_bindgen::{self, JsCast, JsValue, prelude::wasm_bindgen},
    web_sys,
};

use crate::{
    auth::caller::Caller,
    http::{cors, error::Error, response::Response},
    id::Id,
    platform::{Fatal, Incoming, bell},
    query::Query,
    request::Request,
    routes::Destination,
    shard::Shard,
    sweep::Sweep,
};

/// A request arrives. Every response, an error's included, leaves through [`Incoming::finish`].
#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> Result<web_sys::Response, Fatal> {
    let mut request = Incoming::new(request, env, context)?;
    let answered = match respond(&mut request).await {
        // A failure to authenticate counts against the caller's network.
        Err(error) if error.code.status() == 401 => Err(request.limit_network().await.err().unwrap_or(error)),
        answered => answered,
    };
    request.finish(answered)
}

/// The journey.
async fn respond(request: &mut Incoming) -> Result<Response, Error> {
    request.head.url.require_https()?;
    let endpoint = match routes::find(&request.head)? {
        Destination::Endpoint(endpoint) => endpoint,
        Destination::File => return request.file().await?.ok_or_else(routes::path_unknown),
        Destination::Preflight => {
            return Ok(cors::preflight(request.head.access_control_request_headers.as_deref()));
        }
        Destination::Options(allow) => return Ok(Response::options(allow)),
    };
    request.record.route = Some(endpoint.route);
    let mut caller = Caller::authenticate(request.head.authorization.as_deref(), endpoint.scope)?;
    request.recognize(&mut caller)?;
    request.limit(&caller).await?;
    let body = request.body(endpoint.max_body).await;
    loop {
        // Only a caller with a valid token learns what is wrong with its request: so even a refusal asks D1.
        let mut query = request
            .read_bookmark(&caller)
            .and_then(|()| {
                let (body, webhooks) = (body.as_ref().map_err(Clone::clone)?, request.webhooks());
                Request::parse(&request.head, endpoint.route, &endpoint.id, &caller, body, &request.id, webhooks)
            })
            .and_then(endpoint.handler)
            .unwrap_or_else(Query::refusal);
        let rows = request.run(&caller, &mut query).await?;
        if request.follow(&mut caller, &rows) {
            continue;
        }
        let rows = rows.authorize(&caller)?;
        return match query.live.take() {
            None => (query.render)(rows),
            Some(live) => live::answer(request, caller, query, live, rows).await,
        };
    }
}

/// A minute is over: the sweep of one of so many databases, what wake-ups that got lost have left behind, and a line in
/// the log. `src/entry.js` asks for each database.
#[wasm_bindgen(wasm_bindgen_futures = worker::wasm_bindgen_futures)]
pub async fn sweep(env: Env, shard: u16, databases: usize) {
    let shard = Shard::from(shard);
    let now = Date::now().as_millis();
    let mut sweep = Sweep::new(shard, databases, now as i64, platform::event_retention_days(&env));
    while let Some(statements) = sweep.step() {
        sweep.note(platform::run(&env, shard, &statements).await);
    }
    let mut after = Some(0);
    while let Some(account) = after {
        after = sweep.note_wake_ups(bell::ring_behind(&env, shard, account).await);
    }
    if let Ok(id) = Id::new(now) {
        platform::log(sweep.end(&id));
    }
}

/// The response to a request that ended in a trap, made by a new instance. `src/entry.js` asks for it.
#[wasm_bindgen(js_name = respondAfterTrap)]
pub fn respond_after_trap(request: web_sys::Request, cause: String) -> Result<web_sys::Response, Fatal> {
    let request = Incoming::new(request, JsValue::NULL.into(), Context::new(JsValue::NULL.unchecked_into()))?;
    request.finish(Err(Error::internal(cause)))
}

/// A new instance starts: what a panic says goes to the log.
#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}
