//! Conversations: what a request of each endpoint means.

mod input;
mod sql;

use crate::{
    auth::scopes::Scope,
    conversations::input::{Create, List, Retrieve, Update, UpdateMany},
    http::{
        conditions::precondition_failed,
        error::{Code, Error},
        response::Response,
    },
    idempotency,
    input::{attributes::Nothing, values::Ids},
    paging::kept_parameters,
    query::{Query, Rows},
    request::Request,
};

/// `GET /v1/conversations`
pub fn list(mut request: Request) -> Result<Query, Error> {
    let kept = kept_parameters(&request.query);
    let (query, Nothing) = request.inputs::<List, _>()?;
    let (paging, sort, content) = query.check()?;
    let statement = sql::list(&paging, sort, &content);
    let query = paging.query(statement, request.url, kept);
    // Messages are not for caches.
    Ok(if content.include.last_message { query.private() } else { query })
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

/// `PATCH /v1/conversations`
pub fn update_many(mut request: Request) -> Result<Query, Error> {
    let (Nothing, body) = request.inputs::<_, UpdateMany>()?;
    let (ids, changes) = body.split();
    let is_read = changes == Update::default();
    let [update, answer] = sql::update_many(&ids, &request.identity.request_id, changes);
    let render = |rows: Rows| {
        let missing = rows.beside.as_deref().unwrap_or("[]");
        let is_shown = rows.scopes.contain(Scope::ConversationsRead);
        Ok(if is_shown { Response::found_and_missing(missing) } else { Response::no_content() })
    };
    let query = if is_read { Query::read(answer, render) } else { Query::write([update, answer], render) };
    Ok(Query { limit: Ids::MAX, ..query })
}

/// `GET /v1/conversations/:id`
pub fn retrieve(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (query, Nothing) = request.inputs::<Retrieve, _>()?;
    Ok(match query.include {
        None => Query::retrieve(sql::retrieve(&id), request.if_none_match, missing),
        Some(_) => Query::retrieve(sql::retrieve_with_last_message(&id), request.if_none_match, missing).private(),
    })
}

/// `PUT` and `PATCH /v1/conversations/:id`
pub fn update(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, changes) = request.inputs::<_, Update>()?;
    let if_match = request.if_match.of_object();
    if changes == Update::default() {
        return Ok(Query::unchanged(sql::retrieve(&id), if_match, Scope::ConversationsRead, missing));
    }
    let statements = sql::update(&id, &request.identity.request_id, &if_match, changes);
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
    Ok(Query::delete(sql::delete(&id, &request.identity.request_id, &request.if_match.of_object()), missing))
}

fn missing() -> Error {
    Error::resource_missing("conversation")
}
