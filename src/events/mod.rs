//! Events: how the log of changes is read (contract, "Events").

mod input;
mod sql;

use crate::{
    events::input::List,
    http::{
        conditions::Condition,
        error::{Code, Error},
        response::Response,
    },
    input::attributes::Nothing,
    paging::{self, Limit},
    query::{Query, Rows},
    request::Request,
};

/// `GET /v1/events`
pub fn list(mut request: Request) -> Result<Query, Error> {
    let kept = paging::kept_parameters(&request.query);
    let (query, Nothing) = request.inputs::<List, _>()?;
    let limit = query.limit.unwrap_or_default();
    let (url, if_none_match) = (request.url, request.if_none_match);
    let render = move |rows: Rows| page(&rows, limit, &if_none_match, &[&url, "?", &kept].concat());
    Ok(Query { limit: limit.objects(), ..Query::read(sql::page(query.starting_after.as_ref(), limit), render) })
}

/// The page that was found. Its link to the next one is always there: it continues where this page ends, also when it
/// is empty.
fn page(rows: &Rows, limit: Limit, if_none_match: &Condition, url: &str) -> Result<Response, Error> {
    if rows.outcome.as_deref() == Some("expired") {
        return Err(position_expired());
    }
    let tag = rows.tag(|| Error::internal("a page of events without a tag"))?;
    let known = if_none_match.holds_for(tag);
    let response = if known { Response::not_modified() } else { Response::list(rows.has_more, false) };
    let link = format!(r#"<{url}limit={limit}&starting_after={}>; rel="next""#, end(rows));
    Ok(response.with_tag(tag).with("link", link))
}

/// Where a page ends: at its last event. An empty one ends at the newest event of all, with whose id the tag begins.
fn end(rows: &Rows) -> &str {
    rows.last.as_deref().or_else(|| rows.tag.as_deref()?.get(..16)).unwrap_or_default()
}

/// 410 for a position that the log does not have (contract, "Events").
fn position_expired() -> Error {
    const MESSAGE: &str = "The log does not have this position: it is older than the oldest event that is kept, or from \
                           another history of the account. To start again: take the position of \
                           `GET /v1/events?starting_after=now` from its `Link` header, list all conversations and \
                           messages, then continue from that position.";
    Error::for_param(Code::PositionExpired, "starting_after", MESSAGE)
}
