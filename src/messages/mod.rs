//! Messages: what a request of each endpoint means.

mod input;
mod sql;

use crate::{
    auth::scopes::Scope,
    http::{conditions::precondition_failed, error::Error},
    idempotency,
    input::attributes::Nothing,
    messages::input::{Create, List, Update},
    paging::{self, Paging, Period, kept_parameters},
    query::Query,
    request::Request,
};

/// `GET /v1/messages`
pub fn list(mut request: Request) -> Result<Query, Error> {
    let kept = kept_parameters(&request.query);
    let (query, Nothing) = request.inputs::<List, _>()?;
    let paging =
        Paging::new(query.limit, query.starting_after, query.ending_before, &paging::IDS)?.ordered(query.order);
    let period = Period { since: query.since, until: query.until };
    let statement = sql::list(&paging, query.conversation_id.as_ref(), &period, query.include.is_some());
    Ok(paging.query(statement, request.url, kept))
}

/// `POST /v1/messages`
pub fn create(mut request: Request) -> Result<Query, Error> {
    let (Nothing, body) = request.inputs::<_, Create>()?;
    let (writes, answer) = sql::create(&request.identity, body);
    Ok(idempotency::create(&request.identity, writes, answer, None, |rows| {
        let missing = || Error::reference_missing("conversation_id", "conversation");
        rows.created(201, "/v1/messages", Scope::MessagesRead, missing)
    }))
}

/// `GET /v1/messages/:id`
pub fn retrieve(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, Nothing) = request.inputs()?;
    Ok(Query::retrieve(sql::retrieve(&id), request.if_none_match, missing))
}

/// `PUT` and `PATCH /v1/messages/:id`
pub fn update(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, changes) = request.inputs::<_, Update>()?;
    if changes == Update::default() {
        return Ok(Query::unchanged(sql::retrieve(&id), request.if_match, Scope::MessagesRead, missing));
    }
    let statements = sql::update(&id, &request.identity.request_id, &request.if_match, changes);
    Ok(Query::write(statements, |rows| {
        let tag = rows.tag(missing)?;
        let outdated = rows.outcome.as_deref() == Some("outdated");
        if outdated { Err(precondition_failed(tag)) } else { rows.updated(Scope::MessagesRead, missing) }
    }))
}

/// `DELETE /v1/messages/:id`
pub fn delete(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, Nothing) = request.inputs()?;
    Ok(Query::delete(sql::delete(&id, &request.identity.request_id, &request.if_match), missing))
}

fn missing() -> Error {
    Error::resource_missing("message")
}
