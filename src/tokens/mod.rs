//! Tokens: what a request of each endpoint means. What a token is, `auth/token.rs` says.
//! A new token's secret is in the first response of the request that creates it. It is not stored: a retry shows the
//! object without it.

mod input;
mod sql;

use crate::{
    auth::{
        caller::{token_invalid, token_too_weak},
        token::Token,
    },
    http::{
        conditions::precondition_failed,
        error::{Code, Error},
        response::{Objects, Response},
    },
    idempotency::{self, Identity},
    input::attributes::Nothing,
    paging::kept_parameters,
    query::{Query, Rows},
    request::Request,
    tokens::input::{Create, Rotate},
};

/// `GET /v1/tokens`
pub fn list(mut request: Request) -> Result<Query, Error> {
    let kept = kept_parameters(&request.query);
    let paging = request.paging()?;
    let statement = sql::list(&paging);
    Ok(paging.query(statement, request.url, kept))
}

/// `GET /v1/tokens/:id`
pub fn retrieve(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, Nothing) = request.inputs()?;
    Ok(Query::retrieve(sql::retrieve(&id), request.if_none_match, || Error::resource_missing("token")))
}

/// `GET /v1/token`
pub fn retrieve_own(mut request: Request) -> Result<Query, Error> {
    let (Nothing, Nothing) = request.inputs()?;
    Ok(Query::retrieve(sql::retrieve_own(), request.if_none_match, token_invalid))
}

/// `POST /v1/tokens`
pub fn create(mut request: Request) -> Result<Query, Error> {
    let (Nothing, body) = request.inputs::<_, Create>()?;
    let (identity, token) = new_token(request)?;
    let (insert, answer) = sql::create(&identity, &token.hash(), body.name, body.scopes, body.expires_at.value());
    Ok(idempotency::create(&identity, [insert], answer, None, move |rows| created(&token, &rows)))
}

/// `POST /v1/tokens/:id/rotate`
pub fn rotate(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, body) = request.inputs::<_, Rotate>()?;
    let grace = body.grace_period.unwrap_or_default().seconds();
    let (identity, token) = new_token(request)?;
    let (insert, answer, replace) = sql::rotate(&identity, &id, &token.hash(), grace);
    Ok(idempotency::create(&identity, [insert], answer, Some(replace), move |rows| created(&token, &rows)))
}

/// `DELETE /v1/tokens/:id`
pub fn revoke(mut request: Request) -> Result<Query, Error> {
    let id = request.id(missing)?;
    let (Nothing, Nothing) = request.inputs()?;
    Ok(Query::write(sql::revoke(&id, &request.if_match), |rows| match (rows.outcome.as_deref(), rows.tag(missing)?) {
        (Some("deleted"), _) => Ok(Response::no_content()),
        (Some("stronger"), _) => Err(stronger()),
        (_, tag) => Err(precondition_failed(tag)),
    }))
}

/// What a request that creates a token is known by, and the token. A retry by another caller is another request.
fn new_token(request: Request) -> Result<(Identity, Token), Error> {
    let caller = request.token.ok_or_else(token_invalid)?;
    let token = Token::random(request.shard).map_err(|error| Error::internal(error.to_string()))?;
    Ok((request.identity.of(&caller.hash()), token))
}

/// The response to a request that creates a token. The outcome is a word and what it is about.
fn created(token: &Token, rows: &Rows) -> Result<Response, Error> {
    let outcome = rows.outcome.as_deref().ok_or_else(missing)?;
    match outcome.split_once(' ').unwrap_or((outcome, "")) {
        ("scopes", _) => Err(token_too_weak(
            "scopes",
            "This token lacks some of these scopes. A token can create only tokens with scopes that it has. Ask for \
             fewer scopes, or use a token that has them.",
        )),
        ("stronger", _) => Err(stronger()),
        ("expired", _) => Err(Error::invalid("expires_at", "a Unix time in the future, in whole seconds, or null")),
        ("expires_at", _) => Err(Error::for_param(
            Code::ParameterInvalid,
            "expires_at",
            "`expires_at` must not be later than the expiry of the token that sends this request.",
        )),
        ("rotated", successor) => Err(rotated(successor)),
        ("quota", tokens) => Err(quota_exceeded(tokens)),
        // `created`. Before secrets were random, it was what a secret was derived from.
        _ => {
            let secret = match rows.replay.as_deref() {
                Some("replayed") => "null".to_owned(),
                _ => ["\"", token.reveal(), "\""].concat(),
            };
            // The object comes without its closing brace: the database must not see the secret.
            let after = [",\"token\":", &secret, "}"].concat();
            let object = Objects { before: "".into(), reversed: false, after: after.into() };
            let id = rows.first.as_deref().ok_or_else(missing)?;
            Ok(Response::objects(201, object)
                .with_tag(rows.tag(missing)?)
                .with("location", ["/v1/tokens/", id].concat()))
        }
    }
}

/// 403 for a token that may do more than the caller, or for longer.
fn stronger() -> Error {
    token_too_weak(
        "id",
        "The token in the path has more scopes, or expires later, than the token that sends this request. Use a token \
         with the same scopes and the same or a later expiry.",
    )
}

/// 409 for a token that has a successor.
fn rotated(successor: &str) -> Error {
    let message = [
        "This token was rotated already, and its successor is valid: `",
        successor,
        "`. Use the successor. If its secret was lost, revoke the successor, then rotate this token again with a new \
         Idempotency-Key.",
    ];
    Error::for_param(Code::TokenRotated, "id", message.concat())
}

/// 403 for an account that has as many tokens as it may have.
fn quota_exceeded(tokens: &str) -> Error {
    let message = [
        "This account can have ",
        tokens,
        " valid tokens, and it has them. Revoke tokens that are not in use, then send the request again with a new \
         Idempotency-Key. The operator can raise the quota.",
    ];
    Error::new(Code::QuotaExceeded, message.concat())
}

fn missing() -> Error {
    const MESSAGE: &str = "No active token has this id. It may be revoked or expired, or the id may be wrong.";
    Error::new(Code::ResourceMissing, MESSAGE)
}
