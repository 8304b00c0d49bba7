//! Tokens: what a request of each endpoint means. Pure. Their SQL is in `sql.rs`, what a token is in `auth.rs`.
//! A token is shown in the one answer that makes it; afterwards nobody can say what it was.

mod sql;

use crate::{
    auth::{Scope, Token, hexadecimal, scopes_insufficient},
    call::Call,
    error::{Code, Error, json_string},
    id::Id,
    idempotency,
    object::Object,
    page::{self, Paging},
    request::Request,
    response::Response,
    values::{Name, Scopes, Timestamp},
};

/// Seconds that a rotated token stays good: an hour unless told, a day at most.
const GRACE: (i64, i64) = (3600, 86400);

const A_NAME: &str = "text of 1 to 64 characters that says what the token is for, without control characters";

/// `GET /v1/tokens`
pub fn list(mut request: Request) -> Result<Call, Error> {
    let paging = Paging::take(&mut request.query, &page::IDS)?;
    request.query.finish(&["limit", "starting_after", "ending_before"])?;
    request.body.finish(&[])?;
    Ok(Call::page(sql::list(&paging), move |positions| Ok(paging.response(positions.as_deref(), &request.url, &[]))))
}

/// `GET /v1/tokens/:id`
pub fn retrieve(request: Request) -> Result<Call, Error> {
    let id = token_id(&request)?;
    request.query.finish(&[])?;
    request.body.finish(&[])?;
    Ok(Call::show(sql::retrieve(&id), request.condition, missing))
}

/// `POST /v1/tokens`
pub fn create(mut request: Request) -> Result<Call, Error> {
    let some_scopes = format!("some of these, separated by spaces: {}", Scope::ALL.map(Scope::name).join(", "));
    let name = request.body.parsed("name", A_NAME, Name::parse)?;
    let scopes = request.body.parsed("scopes", &some_scopes, Scopes::parse)?;
    let expires_at = request.body.nullable_timestamp("expires_at")?.value();
    request.body.refuse(
        &["id", "token", "created_at", "revoked_at"],
        "can't be chosen when a token is created. name, scopes and expires_at can.",
    )?;
    request.body.finish(&["name", "scopes", "expires_at"])?;
    request.query.finish(&[])?;
    let name = name.ok_or_else(|| Error::missing("name", A_NAME))?;
    let scopes = scopes.ok_or_else(|| Error::missing("scopes", &some_scopes))?;
    if expires_at.map(Timestamp::seconds).is_some_and(|end| end <= request.now) {
        return Err(Error::invalid("expires_at", "a time in the future, in whole seconds since 1970, or null"));
    }
    let (parent, salt) = (request.token, salt()?);
    let identity = request.identity.of(&parent.hash());
    let (insert, answer) = sql::create(&identity, &parent.derive(&salt).hash(), name, scopes, expires_at, salt);
    Ok(idempotency::create(&identity, [insert], answer, None, move |answer| {
        reveal(&parent, &answer.ok_or_else(missing)?)
    }))
}

/// `POST /v1/tokens/:id/rotate`
pub fn rotate(mut request: Request) -> Result<Call, Error> {
    let id = token_id(&request)?;
    let (usual, longest) = GRACE;
    let grace = request.body.integer("grace_period", 0, longest)?.unwrap_or(usual);
    request.body.finish(&["grace_period"])?;
    request.query.finish(&[])?;
    let (parent, salt) = (request.token, salt()?);
    let identity = request.identity.of(&parent.hash());
    let (insert, answer, revoke) = sql::rotate(&identity, &id, &parent.derive(&salt).hash(), grace, salt);
    let call = idempotency::create(&identity, [insert], answer, Some(revoke), move |answer| {
        reveal(&parent, &answer.ok_or_else(missing)?)
    });
    // A caller that ended itself at once can't be answered a second time.
    Ok(Call { repeatable: call.repeatable && grace > 0, ..call })
}

/// `DELETE /v1/tokens/:id`
pub fn revoke(request: Request) -> Result<Call, Error> {
    let id = token_id(&request)?;
    request.query.finish(&[])?;
    request.body.finish(&[])?;
    let (answer, revoke) = sql::revoke(&id, &request.condition);
    Ok(Call::delete(answer, revoke, missing))
}

/// The answer that shows a new token, this once. It is made of `parent`, the token that asked for it.
fn reveal(parent: &Token, answer: &str) -> Result<Response, Error> {
    let (outcome, object) = Object::read_with_outcome(answer);
    match outcome {
        "scopes" => {
            Err(scopes_insufficient("scopes", "A token can't be given scopes that the token of this request lacks."))
        }
        "stronger" => Err(scopes_insufficient(
            "id",
            "A token can't rotate one that may do more, or for longer, than it may itself. Use one that may do as much.",
        )),
        "expires_at" => Err(Error::of(
            Code::ParameterInvalid,
            "expires_at",
            "expires_at must not be later than the end of the token that this request was sent with.",
        )),
        salt => {
            let token = parent.derive(salt);
            let location = format!("/v1/tokens/{}", object.id());
            let open = object.json.strip_suffix('}').unwrap_or_default();
            let json = format!(r#"{open},"token":{}}}"#, json_string(token.reveal()));
            Ok(Object { json, ..object }.response(201).with("location", location).with("cache-control", "no-store"))
        }
    }
}

/// 128 random bits, of which and the caller's token a new one is made.
fn salt() -> Result<String, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Error::internal(error.to_string()))?;
    Ok(hexadecimal(&random))
}

/// A malformed id names nothing, like one that never existed.
fn token_id(request: &Request) -> Result<Id, Error> {
    Id::parse(&request.id).ok_or_else(missing)
}

fn missing() -> Error {
    Error::resource_missing("token that is still good")
}
