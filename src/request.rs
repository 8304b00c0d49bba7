//! A request whose form has been checked. What its attributes mean, its handler says.

use crate::{
    auth::{caller::Caller, token::Token},
    http::{
        conditions::Condition,
        error::{Code, Error},
        head::Head,
    },
    id::Id,
    idempotency::{Identity, Key},
    input::{
        attributes::{Attributes, Input, Names, Nothing, Place},
        body,
    },
    paging::{self, Paging, Plain},
    shard::Shard,
    webhooks::Settings,
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
    /// Where the caller wants server-sent events: a stream.
    pub stream: Option<StreamRequest>,
    /// Whether the caller wants no body.
    pub is_head: bool,
    /// The caller's token. None where the endpoint needs none.
    pub token: Option<Token>,
    /// The database that the caller's account is in.
    pub shard: Shard,
    /// What the operator has set for webhooks. None where there are none.
    pub webhooks: Option<Settings>,
}

/// A request for server-sent events.
#[derive(Debug)]
pub struct StreamRequest {
    /// `Last-Event-ID`, unchecked: the last event that the caller got from an earlier stream.
    pub last_event_id: Option<String>,
}

impl Request {
    /// Parses query, body and headers. `Idempotency-Key` counts for POST only.
    pub fn parse(
        head: &Head,
        route: &str,
        id: &str,
        caller: &Caller,
        body: &[u8],
        request_id: &Id,
        webhooks: Option<Settings>,
    ) -> Result<Self, Error> {
        let key = head.idempotency_key.as_ref().filter(|_| head.method == "POST");
        let key = key
            .map(|key| Ok((Key::parse(key)?, Identity::fingerprint(&head.method, &head.url.path, body))))
            .transpose();
        Ok(Self {
            id: id.to_owned(),
            url: [head.url.origin.as_str(), &head.url.path].concat(),
            query: Attributes::of_query(&head.url.query)?,
            body: body::parse(head, body)?,
            if_match: if_match(head, route)?,
            if_none_match: if_none_match(head, route)?,
            identity: Identity { request_id: request_id.clone(), key: key? },
            stream: head.accepts_stream().then(|| StreamRequest { last_event_id: head.last_event_id.clone() }),
            is_head: head.method == "HEAD",
            token: caller.token.clone(),
            shard: caller.shard,
            webhooks,
        })
    }

    /// The id in the path. A malformed one names no object, like one that never existed.
    pub fn id(&self, missing: fn() -> Error) -> Result<Id, Error> {
        Id::parse(&self.id).ok_or_else(missing)
    }

    /// The page of a list without filters, in order of creation.
    pub fn paging(&mut self) -> Result<Paging, Error> {
        let (Plain { limit, starting_after, ending_before }, Nothing) = self.inputs()?;
        Paging::new(limit, starting_after, ending_before, &paging::IDS)
    }

    /// What the query and the body say, as the endpoint takes them. Errors when an attribute is unknown, missing or
    /// wrong. An unknown one comes first: it may be a required one that is misspelt, or in the wrong place.
    pub fn inputs<Query: Input, Body: Input>(&mut self) -> Result<(Query, Body), Error> {
        let names = Names::of::<Query, Body>();
        self.body.reject_unknown(Place::Body, &names)?;
        self.query.reject_unknown(Place::Query, &names)?;
        let body = Body::take(&mut self.body)?;
        let query = Query::take(&mut self.query)?;
        Ok((query, body))
    }
}

/// The condition of a write. A caller that sends one relies on it, so no method and no path ignores it.
fn if_match(head: &Head, route: &str) -> Result<Condition, Error> {
    const NAME: &str = "If-Match";
    if head.if_match.is_some() && !["PUT", "PATCH", "DELETE"].contains(&head.method.as_str()) {
        let message = "`If-Match` works with PUT, PATCH and DELETE only. With GET and HEAD, use `If-None-Match`.";
        return Err(Error::for_param(Code::ParameterInvalid, NAME, message));
    }
    if head.if_match.is_some() && !route.ends_with(":id") {
        let message = "`If-Match` works with the path of a single object only.";
        return Err(Error::for_param(Code::ParameterInvalid, NAME, message));
    }
    Condition::parse(NAME, head.if_match.as_deref())
}

/// The condition of a read. A path that does not end with an id has no ETag: no tag matches, and `*` would match
/// always. The caller's own token has one too.
fn if_none_match(head: &Head, route: &str) -> Result<Condition, Error> {
    const NAME: &str = "If-None-Match";
    let invalid = |message| Err(Error::for_param(Code::ParameterInvalid, NAME, message));
    if head.if_none_match.is_some() && !["GET", "HEAD"].contains(&head.method.as_str()) {
        return invalid("`If-None-Match` works with GET and HEAD only. With PUT, PATCH and DELETE, use `If-Match`.");
    }
    match Condition::parse(NAME, head.if_none_match.as_deref())? {
        Condition::Any if !route.ends_with(":id") && route != "/v1/token" => {
            invalid("`If-None-Match: *` works with the path of a single object only.")
        }
        condition => Ok(condition),
    }
}
