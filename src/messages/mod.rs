//! Messages: what a request of each endpoint means. Pure. Their SQL is in `sql.rs`.

mod sql;

use crate::{
    call::Call,
    error::Error,
    id::Id,
    idempotency,
    object::Object,
    page::{self, Paging},
    request::Request,
    values::Text,
};

const A_CONVERSATION: &str = "the id of a conversation: 16 letters and digits";
const A_TEXT: &str = "text of 1 to 10,000 characters without NUL";

/// `GET /v1/messages`
pub fn list(mut request: Request) -> Result<Call, Error> {
    let paging = Paging::take(&mut request.query, &page::IDS)?;
    let conversation_id = request.query.parsed("conversation_id", A_CONVERSATION, Id::parse)?;
    request.query.finish(&["limit", "starting_after", "ending_before", "conversation_id"])?;
    request.body.finish(&[])?;
    let kept: Vec<String> = conversation_id.iter().map(|id| format!("conversation_id={id}")).collect();
    Ok(Call::page(sql::list(&paging, conversation_id.as_ref()), move |positions| {
        Ok(paging.response(positions.as_deref(), &request.url, &kept))
    }))
}

/// `POST /v1/messages`
pub fn create(mut request: Request) -> Result<Call, Error> {
    let conversation_id = request.body.parsed("conversation_id", A_CONVERSATION, Id::parse)?;
    let message = request.body.parsed("message", A_TEXT, Text::parse)?;
    let contact_id = request.body.nullable_reference("contact_id")?.value();
    request.body.refuse(
        &["id", "read_at", "created_at", "updated_at"],
        "can't be chosen when a message is created. read_at can be updated afterwards.",
    )?;
    request.body.finish(&["conversation_id", "message", "contact_id"])?;
    request.query.finish(&[])?;
    let conversation_id = conversation_id.ok_or_else(|| Error::missing("conversation_id", A_CONVERSATION))?;
    let message = message.ok_or_else(|| Error::missing("message", A_TEXT))?;
    let (writes, answer) = sql::create(&request.identity, &conversation_id, contact_id, message);
    Ok(idempotency::create(&request.identity, writes, answer, None, |found| {
        let found = found.ok_or_else(|| Error::reference_missing("conversation_id", "conversation"))?;
        let object = Object::read(&found);
        let location = format!("/v1/messages/{}", object.id());
        Ok(object.response(201).with("location", location))
    }))
}

/// `GET /v1/messages/:id`
pub fn retrieve(request: Request) -> Result<Call, Error> {
    let id = message_id(&request)?;
    request.query.finish(&[])?;
    request.body.finish(&[])?;
    Ok(Call::show(sql::retrieve(&id), request.condition, missing))
}

/// `PUT` and `PATCH /v1/messages/:id`
pub fn update(mut request: Request) -> Result<Call, Error> {
    let id = message_id(&request)?;
    let message = request.body.parsed("message", A_TEXT, Text::parse)?;
    let read_at = request.body.nullable_timestamp("read_at")?;
    request.body.refuse(
        &["id", "conversation_id", "contact_id", "created_at", "updated_at"],
        "can't be changed. message and read_at can.",
    )?;
    request.body.finish(&["message", "read_at"])?;
    request.query.finish(&[])?;
    if message.is_none() && !read_at.is_sent() {
        return Ok(Call::unchanged(sql::retrieve(&id), request.condition, missing));
    }
    let (update, answer) = sql::update(&id, &request.identity.request_id, &request.condition, message, read_at);
    Ok(Call::write(update, answer, |answer| {
        let answer = answer.ok_or_else(missing)?;
        match Object::read_with_outcome(&answer) {
            ("updated", object) => Ok(object.response(200)),
            (_, object) => Err(object.outdated()),
        }
    }))
}

/// `DELETE /v1/messages/:id`
pub fn delete(request: Request) -> Result<Call, Error> {
    let id = message_id(&request)?;
    request.query.finish(&[])?;
    request.body.finish(&[])?;
    let (answer, delete) = sql::delete(&id, &request.condition);
    Ok(Call::delete(answer, delete, missing))
}

/// A malformed id names nothing, like one that never existed.
fn message_id(request: &Request) -> Result<Id, Error> {
    Id::parse(&request.id).ok_or_else(missing)
}

fn missing() -> Error {
    Error::resource_missing("message")
}
