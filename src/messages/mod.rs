//! Messages: what a request of each endpoint means. Pure. Their SQL is in `sql.rs`.

mod sql;

use crate::{
    call::Call,
    error::{Code, Error},
    id::Id,
    page::{self, Paging},
    request::Request,
    response::Response,
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
    Ok(Call::read(sql::list(&paging, conversation_id.as_ref()), move |lines| {
        Ok(paging.response(lines.as_deref(), &request.url, &kept))
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
    let conversation_id = conversation_id.ok_or_else(|| needed("conversation_id", A_CONVERSATION))?;
    let message = message.ok_or_else(|| needed("message", A_TEXT))?;
    let id = Id::new(request.now).ok_or_else(|| Error::internal("the platform has no randomness"))?;
    let location = format!("/v1/messages/{id}");
    let (statements, answer) = sql::create(&id, &conversation_id, contact_id, message);
    Ok(Call::write(statements, answer, |object| {
        let object = object.ok_or_else(|| Error::reference_missing("conversation_id", "conversation"))?;
        Ok(Response::json(201, object).with("location", location))
    }))
}

/// `GET /v1/messages/:id`
pub fn retrieve(request: Request) -> Result<Call, Error> {
    let id = message_id(&request)?;
    request.query.finish(&[])?;
    request.body.finish(&[])?;
    Ok(Call::read(sql::retrieve(&id), show))
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
    let answer = sql::retrieve(&id);
    if message.is_none() && !read_at.is_sent() {
        return Ok(Call::read(answer, show));
    }
    Ok(Call::write([sql::update(&id, message, read_at)], answer, show))
}

/// `DELETE /v1/messages/:id`
pub fn delete(request: Request) -> Result<Call, Error> {
    let id = message_id(&request)?;
    request.query.finish(&[])?;
    request.body.finish(&[])?;
    let (answer, delete) = sql::delete(&id);
    Ok(Call::delete(answer, delete, |found| found.map(|_| Response::no_content()).ok_or_else(missing)))
}

fn show(object: Option<String>) -> Result<Response, Error> {
    Ok(Response::json(200, object.ok_or_else(missing)?))
}

/// A malformed id names nothing, like one that never existed.
fn message_id(request: &Request) -> Result<Id, Error> {
    Id::parse(&request.id).ok_or_else(missing)
}

fn missing() -> Error {
    Error::resource_missing("message")
}

fn needed(param: &str, right: &str) -> Error {
    Error::of(Code::ParameterMissing, param, format!("{param} is needed: {right}."))
}
