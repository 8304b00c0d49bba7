//! Webhooks: endpoints, each a URL and a position in the log of changes (contract, "Webhooks"). What a request of each
//! API endpoint means; what delivers: `delivery.rs`.

pub mod delivery;
mod input;
pub mod signature;
mod sql;
pub mod url;

use crate::{
    auth::scopes::Scope,
    http::{
        conditions::precondition_failed,
        error::{Code, Error},
        response::{Objects, Response},
    },
    idempotency,
    input::attributes::{Field, Nothing},
    paging::kept_parameters,
    query::{Query, Rows},
    request::Request,
    webhooks::{
        input::{Create, Rotate, Update},
        signature::Key,
    },
};

/// What the operator has set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What secrets are derived from.
    pub key: Key,
    /// Whether deliveries may go to this machine.
    pub allow_loopback: bool,
}

/// `GET /v1/webhooks`
pub fn list(mut request: Request) -> Result<Query, Error> {
    settings(&request)?;
    let kept = kept_parameters(&request.query);
    let paging = request.paging()?;
    let statement = sql::list(&paging);
    Ok(paging.query(statement, request.url, kept))
}

/// `POST /v1/webhooks`
pub fn create(mut request: Request) -> Result<Query, Error> {
    let Settings { key, allow_loopback } = settings(&request)?;
    let (Nothing, body) = request.inputs::<_, Create>()?;
    let url = body.url.check(allow_loopback)?;
    let (insert, answer) = sql::create(&request.identity, &url, body.types.value(), body.description.value());
    Ok(idempotency::create(&request.identity, [insert], answer, None, move |rows| with_secret(&key, &rows)))
}

/// `GET /v1/webhooks/:id`
pub fn retrieve(mut request: Request) -> Result<Query, Error> {
    settings(&request)?;
    let id = request.id(missing)?;
    let (Nothing, Nothing) = request.inputs()?;
    Ok(Query::retrieve(sql::retrieve(&id), request.if_none_match, missing))
}

/// `PUT` and `PATCH /v1/webhooks/:id`
pub fn update(mut request: Request) -> Result<Query, Error> {
    let Settings { allow_loopback, .. } = settings(&request)?;
    let id = request.id(missing)?;
    let (Nothing, body) = request.inputs::<_, Update>()?;
    let changes = sql::Changes {
        url: body.url.map(|url| url.check(allow_loopback)).transpose()?,
        types: sent(body.types),
        description: sent(body.description),
        status: body.status,
        start: body.last_event_id,
    };
    let changes_nothing = changes == sql::Changes::default();
    let [update, answer] = sql::update(&id, &request.identity.request_id, &request.if_match, changes);
    let statements = if changes_nothing { vec![answer] } else { vec![update, answer] };
    let query = Query::write(statements, |rows| {
        let tag = rows.tag(missing)?;
        match rows.outcome.as_deref() {
            Some("outdated") => Err(precondition_failed(tag)),
            Some("expired") => Err(position_expired()),
            _ => rows.updated(Scope::WebhooksWrite, missing),
        }
    });
    Ok(Query { repeatable: changes_nothing, ..query })
}

/// `DELETE /v1/webhooks/:id`
pub fn delete(mut request: Request) -> Result<Query, Error> {
    settings(&request)?;
    let id = request.id(missing)?;
    let (Nothing, Nothing) = request.inputs()?;
    Ok(Query::delete(sql::delete(&id, &request.if_match), missing))
}

/// `POST /v1/webhooks/:id/rotate`
pub fn rotate(mut request: Request) -> Result<Query, Error> {
    let Settings { key, .. } = settings(&request)?;
    let id = request.id(missing)?;
    let (Nothing, body) = request.inputs::<_, Rotate>()?;
    let (rotate, answer) = sql::rotate(&request.identity, &id, body.grace_period.unwrap_or_default());
    Ok(idempotency::create(&request.identity, [rotate], answer, None, move |rows| with_secret(&key, &rows)))
}

/// `POST /v1/webhooks/:id/ping`
pub fn ping(mut request: Request) -> Result<Query, Error> {
    settings(&request)?;
    let id = request.id(missing)?;
    let (Nothing, Nothing) = request.inputs()?;
    let (ping, answer) = sql::ping(&request.identity, &id);
    Ok(idempotency::create(&request.identity, [ping], answer, None, |rows| {
        rows.tag(missing)?;
        Ok(Response::object(202))
    }))
}

/// `GET /v1/webhooks/:id/attempts`
pub fn attempts(mut request: Request) -> Result<Query, Error> {
    settings(&request)?;
    let id = request.id(missing)?;
    let kept = kept_parameters(&request.query);
    let paging = request.paging()?;
    let statement = sql::attempts(&paging, &id);
    let Query { render, limit, .. } = paging.query(statement.clone(), request.url, kept);
    let query = Query::read(statement, |rows| {
        rows.tag(missing)?;
        render(rows)
    });
    Ok(Query { limit, ..query })
}

/// Errors: 503 where the service is set up without webhooks.
fn settings(request: &Request) -> Result<Settings, Error> {
    const MESSAGE: &str = "This service is set up without webhooks. Its operator turns them on with the secret \
                           WEBHOOK_KEY of the Worker, which `npm run deploy` sets.";
    const CAUSE: &str = "the Worker has no secret WEBHOOK_KEY of at least 32 characters";
    let unavailable = || Error::new(Code::WebhooksUnavailable, MESSAGE).with_cause(CAUSE);
    request.webhooks.clone().ok_or_else(unavailable)
}

/// The value of an attribute that was sent.
fn sent<T>(field: Field<T>) -> Option<Option<T>> {
    field.is_sent().then(|| field.value())
}

/// The response to a request that makes a secret: the object, and the secret that is derived from the salt. A retry
/// gets the same. The outcome is a word and the salt, or what the quota allows.
fn with_secret(key: &Key, rows: &Rows) -> Result<Response, Error> {
    match rows.outcome.as_deref().and_then(|outcome| outcome.split_once(' ')).ok_or_else(missing)? {
        ("quota", webhooks) => Err(quota_exceeded(webhooks)),
        (_, salt) => {
            // The object comes without its closing brace: the database must not see the secret.
            let after = [",\"secret\":\"", &key.secret(salt).reveal(), "\"}"].concat();
            let object = Objects { before: "".into(), reversed: false, after: after.into() };
            let id = rows.first.as_deref().ok_or_else(missing)?;
            Ok(Response::objects(201, object)
                .with_tag(rows.tag(missing)?)
                .with("location", ["/v1/webhooks/", id].concat()))
        }
    }
}

/// 410 for a position from which an endpoint can't go on (contract, "Webhooks").
fn position_expired() -> Error {
    const MESSAGE: &str = "The log does not have this position: it is older than the oldest event that is kept, or \
                           from another history of the account. Send `last_event_id=now` to go on with the events to \
                           come, and list all conversations and messages for what was missed.";
    Error::for_param(Code::PositionExpired, "last_event_id", MESSAGE)
}

/// 403 for an account that has as many endpoints as it may have.
fn quota_exceeded(webhooks: &str) -> Error {
    let message = [
        "This account can have ",
        webhooks,
        " webhooks, and it has them. Delete one, then send the request again with a new Idempotency-Key. The operator \
         can raise the quota.",
    ];
    Error::new(Code::QuotaExceeded, message.concat())
}

fn missing() -> Error {
    Error::resource_missing("webhook")
}
