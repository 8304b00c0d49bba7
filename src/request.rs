//! A request whose form has been checked. What its attributes mean, its handler says.

use crate::{
    auth::{caller::Caller, token::Token},
    http::{conditions::Condition, error::Error, head::Head},
    id::Id,
    idempotency::{Identity, Key},
    input::{
        attributes::{Attributes, Input},
        body,
    },
};

/// What a handler gets.
#[derive(Debug)]
pub struct Request {
    /// The `:id` of the path, unchecked. Empty on a collection.
    id: String,
    /// Scheme, host and path, for links.
    pub url: String,
    /// The query string.
    pub query: Attributes,
    /// The body, form or JSON alike.
    body: Attributes,
    /// `If-Match`
    pub if_match: Condition,
    /// `If-None-Match`
    pub if_none_match: Condition,
    /// What the request is known by.
    pub identity: Identity,
    /// The caller's token. None where the endpoint needs none.
    pub token: Option<Token>,
}

impl Request {
    /// Parses query, body and headers. `If-None-Match` counts for reads, `If-Match` for updates and deletions,
    /// `Idempotency-Key` for POST.
    pub fn parse(head: &Head, id: &str, caller: &Caller, body: &[u8], request_id: &Id) -> Result<Self, Error> {
        let header = |methods: &[&str], value: &'_ Option<String>| {
            value.clone().filter(|_| methods.contains(&head.method.as_str()))
        };
        let if_match = header(&["PUT", "PATCH", "DELETE"], &head.if_match);
        let if_none_match = header(&["GET", "HEAD"], &head.if_none_match);
        let key = header(&["POST"], &head.idempotency_key)
            .map(|key| Ok((Key::parse(&key)?, Identity::fingerprint(&head.method, &head.url.path, body))))
            .transpose();
        Ok(Self {
            id: id.to_owned(),
            url: [head.url.origin.as_str(), &head.url.path].concat(),
            query: Attributes::of_query(&head.url.query)?,
            body: body::parse(head, body)?,
            if_match: Condition::parse("If-Match", if_match.as_deref())?,
            if_none_match: Condition::parse("If-None-Match", if_none_match.as_deref())?,
            identity: Identity { request_id: request_id.clone(), key: key? },
            token: caller.token.clone(),
        })
    }

    /// The id in the path. A malformed one names no object, like one that never existed.
    pub fn id(&self, missing: fn() -> Error) -> Result<Id, Error> {
        Id::parse(&self.id).ok_or_else(missing)
    }

    /// What the query and the body say, as the endpoint takes them.
    pub fn inputs<Query: Input, Body: Input>(&mut self) -> Result<(Query, Body), Error> {
        let body = std::mem::take(&mut self.body).parse()?;
        let query = std::mem::take(&mut self.query).parse()?;
        Ok((query, body))
    }
}
