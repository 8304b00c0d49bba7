//! Conversations: what a request of each endpoint means. Pure. Their SQL is in `sql.rs`.

mod sql;

use crate::{
    call::Call,
    error::{Code, Error},
    id::Id,
    page::Paging,
    request::Request,
    response::Response,
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
    Ok(Call::read(sql::list(&paging, sort, &filter), move |lines| {
        Ok(paging.response(lines.as_deref(), &request.url, &kept))
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
    let id = Id::new(request.now).ok_or_else(|| Error::internal("the platform has no randomness"))?;
    let (insert, answer) = sql::create(&id, contact_id, group_id, distinct);
    Ok(Call::write([insert], answer, |answer| {
        let (outcome, object) = outcome(answer)?;
        let status = if outcome == "created" { 201 } else { 200 };
        let id = object.get(7..23).unwrap_or_default().to_owned();
        Ok(Response::json(status, object).with("location", format!("/v1/conversations/{id}")))
    }))
}

/// `GET /v1/conversations/:id`
pub fn retrieve(request: Request) -> Result<Call, Error> {
    let id = conversation_id(&request)?;
    request.query.finish(&[])?;
    request.body.finish(&[])?;
    Ok(show(&id))
}

fn show(id: &Id) -> Call {
    Call::read(sql::retrieve(id), |object| Ok(Response::json(200, object.ok_or_else(missing)?)))
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
        return Ok(show(&id));
    }
    let (update, answer) = sql::update(&id, &changes);
    Ok(Call::write([update], answer, |answer| match outcome(answer)? {
        (outcome, _) if outcome == "foreign_pin" => Err(Error::invalid("pinned_message_id", A_MESSAGE)),
        (_, object) => Ok(Response::json(200, object)),
    }))
}

/// `DELETE /v1/conversations/:id`
pub fn delete(request: Request) -> Result<Call, Error> {
    let id = conversation_id(&request)?;
    request.query.finish(&[])?;
    request.body.finish(&[])?;
    let (answer, delete) = sql::delete(&id);
    Ok(Call::delete(answer, delete, |found| found.map(|_| Response::no_content()).ok_or_else(missing)))
}

/// A malformed id names nothing, like one that never existed.
fn conversation_id(request: &Request) -> Result<Id, Error> {
    Id::parse(&request.id).ok_or_else(missing)
}

fn missing() -> Error {
    Error::resource_missing("conversation")
}

/// An answer of `outcome TAB object`.
fn outcome(answer: Option<String>) -> Result<(String, String), Error> {
    let answer = answer.ok_or_else(missing)?;
    let (outcome, object) = answer.split_once('\t').unwrap_or_default();
    Ok((outcome.to_owned(), object.to_owned()))
}
