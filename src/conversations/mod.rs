//! Conversations: what a request of each endpoint means. Pure. Their SQL is in `sql.rs`.

mod sql;

use crate::{
    call::Call,
    error::{Code, Error},
    id::Id,
    idempotency,
    object::Object,
    page::Paging,
    request::Request,
};

/// The attributes that an update may send.
const UPDATABLE: &[&str] = &["pinned_message_id", "is_pinned", "is_muted", "archived_at", "last_opened_at"];

const A_MESSAGE: &str = "the id of a message of this conversation, or null";

/// `GET /v1/conversations`
pub fn list(mut request: Request) -> Result<Call, Error> {
    let query = &mut request.query;
    let sort = query.parsed("sort", "created_at or last_active_at", sql::Sort::parse)?.unwrap_or_default();
    let paging = Paging::take(query, &sort.positions())?;
    let filter = sql::Filter {
        pinned: query.bool("pinned")?,
        muted: query.bool("muted")?,
        archived: query.bool("archived")?,
        unread: query.bool("unread")?,
        contact_id: query.reference("contact_id")?,
        group_id: query.reference("group_id")?,
    };
    request.query.finish(&[
        "limit",
        "starting_after",
        "ending_before",
        "muted",
        "archived",
        "pinned",
        "group_id",
        "contact_id",
        "unread",
        "sort",
    ])?;
    request.body.finish(&[])?;
    let kept: Vec<String> = filter.parameters().into_iter().chain(sort.parameter()).collect();
    Ok(Call::page(sql::list(&paging, sort, &filter), move |positions| {
        Ok(paging.response(positions.as_deref(), &request.url, &kept))
    }))
}

/// `POST /v1/conversations`
pub fn create(mut request: Request) -> Result<Call, Error> {
    let contact_id = request.body.nullable_reference("contact_id")?.value();
    let group_id = request.body.nullable_reference("group_id")?.value();
    let distinct = request.body.bool("distinct")?.unwrap_or_default();
    request.body.refuse(
        &[
            "id",
            "pinned_message_id",
            "is_pinned",
            "is_muted",
            "last_active_at",
            "last_opened_at",
            "created_at",
            "archived_at",
        ],
        "can't be chosen when a conversation is created. Some attributes can be updated afterwards.",
    )?;
    request.body.finish(&["contact_id", "group_id", "distinct"])?;
    request.query.finish(&[])?;
    if contact_id.is_none() && group_id.is_none() {
        return Err(Error::of(
            Code::ParameterMissing,
            "contact_id",
            "contact_id or group_id is needed; send at least one of them.",
        ));
    }
    let (insert, answer) = sql::create(&request.identity, contact_id, group_id, distinct);
    Ok(idempotency::create(&request.identity, [insert], answer, None, |answer| {
        let answer = answer.ok_or_else(missing)?;
        let (outcome, object) = Object::read_with_outcome(&answer);
        let location = format!("/v1/conversations/{}", object.id());
        Ok(object.response(if outcome == "created" { 201 } else { 200 }).with("location", location))
    }))
}

/// `GET /v1/conversations/:id`
pub fn retrieve(request: Request) -> Result<Call, Error> {
    let id = conversation_id(&request)?;
    request.query.finish(&[])?;
    request.body.finish(&[])?;
    Ok(Call::show(sql::retrieve(&id), request.condition, missing))
}

/// `PUT` and `PATCH /v1/conversations/:id`
pub fn update(mut request: Request) -> Result<Call, Error> {
    let id = conversation_id(&request)?;
    let changes = sql::Changes {
        pinned_message_id: request.body.nullable_parsed("pinned_message_id", A_MESSAGE, Id::parse)?,
        is_pinned: request.body.bool("is_pinned")?,
        is_muted: request.body.bool("is_muted")?,
        archived_at: request.body.nullable_timestamp("archived_at")?,
        last_opened_at: request.body.nullable_timestamp("last_opened_at")?,
    };
    request.body.refuse(
        &["id", "contact_id", "group_id", "last_active_at", "created_at"],
        "can't be changed. pinned_message_id, is_pinned, is_muted, archived_at and last_opened_at can.",
    )?;
    request.body.finish(UPDATABLE)?;
    request.query.finish(&[])?;
    if changes == sql::Changes::default() {
        return Ok(Call::unchanged(sql::retrieve(&id), request.condition, missing));
    }
    let (update, answer) = sql::update(&id, &request.identity.request_id, &request.condition, changes);
    Ok(Call::write(update, answer, |answer| {
        let answer = answer.ok_or_else(missing)?;
        match Object::read_with_outcome(&answer) {
            ("updated", object) => Ok(object.response(200)),
            ("outdated", object) => Err(object.outdated()),
            _ => Err(Error::invalid("pinned_message_id", A_MESSAGE)),
        }
    }))
}

/// `DELETE /v1/conversations/:id`
pub fn delete(request: Request) -> Result<Call, Error> {
    let id = conversation_id(&request)?;
    request.query.finish(&[])?;
    request.body.finish(&[])?;
    let (answer, delete) = sql::delete(&id, &request.condition);
    Ok(Call::delete(answer, delete, missing))
}

/// A malformed id names nothing, like one that never existed.
fn conversation_id(request: &Request) -> Result<Id, Error> {
    Id::parse(&request.id).ok_or_else(missing)
}

fn missing() -> Error {
    Error::resource_missing("conversation")
}
