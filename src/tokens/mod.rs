//! Tokens: what a request of each endpoint means. What a token is, `auth/token.rs` says.
//! A token is shown in the one response that creates it. It is not stored, so it can't be shown again.

mod input;
mod sql;

use base16ct::lower::encode_string as hexadecimal;

use crate::{
    auth::{
        caller::{token_invalid, token_too_weak},
        token::Token,
    },
    http::{
        error::{Code, Error},
        response::{Objects, Response},
    },
    idempotency,
    input::attributes::Nothing,
    paging::{self, Paging, kept_parameters},
    query::{Query, Rows},
    request::Request,
    tokens::input::{Create, List, Rotate},
};

/// `GET /v1/tokens`
pub fn list(mut request: Request) -> Result<Query, Error> {
    let kept = kept_parameters(&request.query);
    let (query, Nothing) = request.inputs::<List, _>()?;
    let paging = Paging::new(query.limit, query.starting_after, query.ending_before, &paging::IDS)?;
    let statement = sql::list(&paging);
    Ok(paging.query(statement, request.url, kept))
}

/// `GET /v1/tokens/:id`
pub fn retrieve(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, Nothing) = request.inputs()?;
    Ok(Query::retrieve(sql::retrieve(&id), request.if_none_match, || Error::resource_missing("token")))
}

/// `POST /v1/tokens`
pub fn create(mut request: Request) -> Result<Query, Error> {
    let (Nothing, body) = request.inputs::<_, Create>()?;
    let expires_at = body.expires_at.value();
    let (parent, salt) = (request.token.ok_or_else(token_invalid)?, salt()?);
    let identity = request.identity.of(&parent.hash());
    let token = parent.derive(&salt).hash();
    let (insert, answer) = sql::create(&identity, &token, body.name, body.scopes, expires_at, salt);
    Ok(idempotency::create(&identity, [insert], answer, None, move |rows| reveal(&parent, &rows)))
}

/// `POST /v1/tokens/:id/rotate`
pub fn rotate(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, body) = request.inputs::<_, Rotate>()?;
    let grace = body.grace_period.unwrap_or_default().seconds();
    let (parent, salt) = (request.token.ok_or_else(token_invalid)?, salt()?);
    let identity = request.identity.of(&parent.hash());
    let (insert, answer, revoke) = sql::rotate(&identity, &id, &parent.derive(&salt).hash(), grace, salt);
    Ok(idempotency::create(&identity, [insert], answer, Some(revoke), move |rows| reveal(&parent, &rows)))
}

/// `DELETE /v1/tokens/:id`
pub fn revoke(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, Nothing) = request.inputs()?;
    let (revoke, kept) = sql::revoke(&id, &request.if_match);
    Ok(Query::delete(revoke, kept, missing))
}

/// The one response that shows a new token, which is derived from `parent`, the token that asked for it.
fn reveal(parent: &Token, rows: &Rows) -> Result<Response, Error> {
    match rows.outcome.as_deref().ok_or_else(missing)? {
        "scopes" => Err(token_too_weak(
            "scopes",
            "This token lacks some of these scopes. A token can create only tokens with scopes that it has. Ask for \
             fewer scopes, or use a token that has them.",
        )),
        "stronger" => Err(token_too_weak(
            "id",
            "The token in the path has more scopes, or expires later, than the token that sends this request. Use a \
             token with the same scopes and the same or a later expiry.",
        )),
        "expired" => Err(Error::invalid("expires_at", "a Unix time in the future, in whole seconds, or null")),
        "expires_at" => Err(Error::for_param(
            Code::ParameterInvalid,
            "expires_at",
            "`expires_at` must not be later than the expiry of the token that sends this request.",
        )),
        salt => {
            let token = parent.derive(salt);
            // The object comes without its closing brace: the database must not see the secret.
            let after = [",\"token\":\"", token.reveal(), "\"}"].concat();
            let object = Objects { before: "".into(), reversed: false, after: after.into() };
            let id = rows.first.as_deref().ok_or_else(missing)?;
            Ok(Response::objects(201, object)
                .with_tag(rows.tag(missing)?)
                .with("location", ["/v1/tokens/", id].concat()))
        }
    }
}

/// 128 random bits. A new token is derived from them and the caller's.
fn salt() -> Result<String, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Error::internal(error.to_string()))?;
    Ok(hexadecimal(&random))
}

fn missing() -> Error {
    const MESSAGE: &str = "No active token has this id. It may be revoked or expired, or the id may be wrong.";
    Error::new(Code::ResourceMissing, MESSAGE)
}
