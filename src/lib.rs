//! The conversations API, a Worker on D1. This file is the whole journey of a request:
//! in, parsed, one call to D1, out. Everything it passes through lives in the modules below.
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

use worker::web_sys;

use crate::{
    call::Call,
    edge::Edge,
    error::Error,
    request::Request,
    response::Response,
    routes::{Destination, Endpoint},
};

/// The fetch event. Every answer, an error's included, leaves through [`Edge::send`].
#[worker::event(fetch)]
async fn fetch(
    request: web_sys::Request,
    env: worker::Env,
    _context: worker::Context,
) -> worker::Result<web_sys::Response> {
    let mut edge = Edge::new(request, env);
    let answered = match routes::find(&edge.head) {
        Ok(Destination::Documentation) => match edge.asset().await {
            Ok(file) => return Ok(file),
            Err(error) => Err(error),
        },
        Ok(Destination::Preflight) => Ok(Response::preflight()),
        Ok(Destination::Options(allow)) => Ok(Response::options(allow)),
        Ok(Destination::Endpoint(endpoint)) => respond(&mut edge, endpoint).await,
        Err(error) => Err(error),
    };
    edge.send(answered.unwrap_or_else(|error| edge.describe(error)))
}

/// The road of a request to the API.
async fn respond(edge: &mut Edge, endpoint: Endpoint) -> Result<Response, Error> {
    let caller = auth::caller(edge.head.authorization.as_deref(), endpoint.scope)?;
    let body = edge.body(endpoint.body_limit).await;
    // What is wrong with a request is told only to a caller whose token is good, so even a refusal asks D1.
    let call = body
        .and_then(|body| Request::parse(&edge.head, &endpoint, &body, edge.now))
        .and_then(endpoint.handler)
        .unwrap_or_else(Call::refusal);
    let (answer, cost) = edge.database().send(&caller, &call, edge.now).await?;
    edge.cost = cost;
    (call.render)(answer.authorized(&caller)?)
}

#[worker::event(start)]
fn start() {
    console_error_panic_hook::set_once();
}
