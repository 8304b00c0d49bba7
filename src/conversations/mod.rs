//! Conversations: what a request of each endpoint means.

mod input;
mod sql;

use crate::{
    auth::scopes::Scope,
    conversations::input::{Create, List, Update},
    http::{
        conditions::precondition_failed,
        error::{Code, Error},
    },
    idempotency,
    input::attributes::Nothing,
    paging::kept_parameters,
    query::Query,
    request::Request,
};

/// `GET /v1/conversations`
pub fn list(mut request: Request) -> Result<Query, Error> {
    let kept = kept_parameters(&request.query);
    let (query, Nothing) = request.inputs::<List, _>()?;
    let (paging, sort, filter) = query.check()?;
    let statement = sql::list(&paging, sort, &filter);
    Ok(paging.query(statement, request.url, kept))
}

/// `POST /v1/conversations`
pub fn create(mut request: Request) -> Result<Query, Error> {
    let (Nothing, body) = request.inputs::<_, Create>()?;
    let (contact_id, group_id) = (body.contact_id.value(), body.group_id.value());
    if contact_id.is_none() && group_id.is_none() {
        let message = "`contact_id` or `group_id` is required. Send at least one of them.";
        return Err(Error::for_param(Code::ParameterMissing, "contact_id", message));
    }
    let distinct = body.distinct.unwrap_or_default();
    let (insert, answer) = sql::create(&request.identity, contact_id, group_id, distinct);
    Ok(idempotency::create(&request.identity, [insert], answer, None, |rows| {
        let status = if rows.outcome.as_deref() == Some("existing") { 200 } else { 201 };
        rows.created(status, "/v1/conversations", Scope::ConversationsRead, missing)
    }))
}

/// `GET /v1/conversations/:id`
pub fn retrieve(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, Nothing) = request.inputs()?;
    Ok(Query::retrieve(sql::retrieve(&id), request.if_none_match, missing))
}

/// `PUT` and `PATCH /v1/conversations/:id`
pub fn update(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, changes) = request.inputs::<_, Update>()?;
    if changes == Update::default() {
        return Ok(Query::unchanged(sql::retrieve(&id), request.if_match, Scope::ConversationsRead, missing));
    }
    let statements = sql::update(&id, &request.identity.request_id, &request.if_match, changes);
    Ok(Query::write(statements, |rows| {
        let tag = rows.tag(missing)?;
        match rows.outcome.as_deref() {
            Some("updated" | "unchanged") => rows.updated(Scope::ConversationsRead, missing),
            Some("outdated") => Err(precondition_failed(tag)),
            _ => Err(Error::invalid("pinned_message_id", "the id of a message of this conversation, or null")),
        }
    }))
}

/// `DELETE /v1/conversations/:id`
pub fn delete(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, Nothing) = request.inputs()?;
    Ok(Query::delete(sql::delete(&id, &request.identity.request_id, &request.if_match), missing))
}

fn missing() -> Error {
    Error::resource_missing("conversation")
}
