//! Events: how the log of changes is read (contract, "Events").

pub(crate) mod input;
pub(crate) mod sql;

use crate::{
    events::input::{List, Position, Start},
    http::{
        conditions::Condition,
        error::{Code, Error},
        response::Response,
    },
    input::attributes::Nothing,
    paging::{self, Limit},
    query::{Live, Query, Rows, Until},
    request::Request,
    watch,
};

/// `GET /v1/events`: a page, or a stream for a caller who accepts server-sent events.
pub fn list(mut request: Request) -> Result<Query, Error> {
    let kept = paging::kept_parameters(&request.query);
    let (query, Nothing) = request.inputs::<List, _>()?;
    let until = match (&request.stream, query.wait) {
        (Some(_), _) => Some(Until::Left),
        (None, Some(wait)) if !request.is_head => Some(Until::Found { seconds: wait.seconds() }),
        (None, _) => None,
    };
    let (start, limit) = match request.stream {
        Some(stream) => (Some(query.start_of_stream(stream.last_event_id.as_deref())?), Limit::MAX),
        None => (query.starting_after, query.limit.unwrap_or_default()),
    };
    let page = Page { url: [&request.url, "?", &kept].concat(), limit, if_none_match: request.if_none_match };
    let live = until.map(|until| page.clone().live(until));
    Ok(Query { live, ..page.query(start.as_ref()) })
}

/// How a page is made, wherever it starts.
#[derive(Clone)]
struct Page {
    /// The page's own, up to the parameters `limit` and `starting_after`.
    url: String,
    limit: Limit,
    if_none_match: Condition,
}

impl Page {
    /// The query of a page. `start` is None for the oldest event that is kept.
    fn query(self, start: Option<&Start>) -> Query {
        let limit = self.limit;
        let query = Query::read(sql::page(start, limit), move |rows| self.response(&rows));
        Query { limit: limit.objects(), ..query }
    }

    /// How it goes on from where another page ended. Each reading marks the account as watched first.
    fn live(self, until: Until) -> Live {
        let after = move |rows: &Rows| {
            let mut query = self.clone().query(Position::parse(end(rows)).map(Start::After).as_ref());
            query.statements.insert(0, watch::mark());
            Query { is_shared: true, ..query }
        };
        Live { until, after: Box::new(after) }
    }

    /// The page that was found. Its link to the next one is always there: it continues where this page ends, also when
    /// it is empty.
    fn response(&self, rows: &Rows) -> Result<Response, Error> {
        if rows.outcome.as_deref() == Some("expired") {
            return Err(position_expired());
        }
        let tag = rows.tag(|| Error::internal("a page of events without a tag"))?;
        let known = self.if_none_match.holds_for(tag);
        let response = if known { Response::not_modified() } else { Response::list(rows.has_more, false, None) };
        let link = format!(r#"<{}limit={}&starting_after={}>; rel="next""#, self.url, self.limit, end(rows));
        Ok(response.with_tag(tag).with("link", link))
    }
}

/// Where a page ends: at its last event. An empty one ends at the newest event of all, with whose id the tag begins.
fn end(rows: &Rows) -> &str {
    rows.last.as_deref().or_else(|| rows.tag.as_deref()?.get(..16)).unwrap_or_default()
}

/// 410 for a position that the log does not have (contract, "Events").
fn position_expired() -> Error {
    const MESSAGE: &str = "The log does not have this position: it is older than the oldest event that is kept, or \
                           from another history of the account. To start again: take the position of \
                           `GET /v1/events?starting_after=now` from its `Link` header, list all conversations and \
                           messages, then continue from that position.";
    Error::for_param(Code::PositionExpired, "starting_after", MESSAGE)
}
