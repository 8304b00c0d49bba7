//! Pages of a list: limit, cursors, links (contract, "List"). Pure.
//! A statement gives a page as lines of `position TAB object`: JSON never contains a raw tab or line break. The positions
//! come here, the objects stay outside ([`Objects`]).

use crate::{
    attributes::Attributes,
    error::{Code, Error},
    id::Id,
    response::{Objects, Response},
};

/// How many objects a page has: 1 to 100, 10 unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(i64);

impl Limit {
    /// Rows to ask for: one more than the page, to know whether there are others.
    pub fn and_one_more(self) -> i64 {
        self.0 + 1
    }
}

/// Which way a walk goes, and from which position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// The first page.
    Start,
    /// `starting_after`: what comes after this position.
    After(String),
    /// `ending_before`: what comes before it.
    Before(String),
}

/// How the positions of a list are written: as texts that sort the way the list does, backwards.
#[derive(Debug)]
pub struct Positions {
    /// What a position is, for people.
    pub right: &'static str,
    /// Whether a text is one, whether it names a row or not.
    pub parse: fn(&str) -> Option<String>,
}

/// In order of creation an id alone is a position.
pub const IDS: Positions = Positions {
    right: "the id of an object: 16 letters and digits",
    parse: |text| Id::parse(text).map(|id| id.to_string()),
};

/// The part of a list's query that all lists share.
#[derive(Debug)]
pub struct Paging {
    /// The page's size.
    pub limit: Limit,
    /// Where it begins or ends.
    pub cursor: Cursor,
}

impl Paging {
    /// Takes `limit`, `starting_after` and `ending_before` out of a query.
    pub fn take(query: &mut Attributes, positions: &Positions) -> Result<Self, Error> {
        let limit = Limit(query.integer("limit", 1, 100)?.unwrap_or(10));
        let after = query.parsed("starting_after", positions.right, positions.parse)?;
        let before = query.parsed("ending_before", positions.right, positions.parse)?;
        let cursor = match (after, before) {
            (None, None) => Cursor::Start,
            (Some(position), None) => Cursor::After(position),
            (None, Some(position)) => Cursor::Before(position),
            (Some(_), Some(_)) => {
                return Err(Error::of(
                    Code::ParameterInvalid,
                    "ending_before",
                    "ending_before can't be combined with starting_after; send one of the two.",
                ));
            }
        };
        Ok(Self { limit, cursor })
    }

    /// The direction of travel in SQL: which positions lie past the cursor, and their order.
    pub fn direction(&self) -> (&'static str, &'static str) {
        match self.cursor {
            Cursor::Start | Cursor::After(_) => ("<", "DESC"),
            Cursor::Before(_) => (">", "ASC"),
        }
    }

    /// The position that the page lies past. Every position is less than `{`: no cursor is a cursor beyond them all.
    pub fn position(&self) -> String {
        match &self.cursor {
            Cursor::Start => "{".to_owned(),
            Cursor::After(position) | Cursor::Before(position) => position.clone(),
        }
    }

    /// The response for the positions that the statement found in the direction of travel, a line each, at most one more
    /// than the limit. `url` is the list's own; `kept` are its other parameters, `name=value` each, percent-encoded.
    pub fn response(&self, positions: Option<&str>, url: &str, kept: &[String]) -> Response {
        let limit = usize::try_from(self.limit.0).unwrap_or_default();
        let mut rows: Vec<&str> = positions.unwrap_or_default().lines().collect();
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let backwards = matches!(self.cursor, Cursor::Before(_));
        if backwards {
            rows.reverse();
        }

        let link = |relation: &str, cursor: &str, position: &str| {
            let query = kept.iter().cloned().chain([format!("limit={limit}"), format!("{cursor}={position}")]);
            format!(r#"<{url}?{}>; rel="{relation}""#, query.collect::<Vec<_>>().join("&"))
        };
        // On the page before a cursor there is always a next one: where the walk came from.
        let next = rows.last().filter(|_| has_more || backwards).map(|last| link("next", "starting_after", last));
        let came_from_newer = matches!(self.cursor, Cursor::After(_));
        let previous = rows
            .first()
            .filter(|_| if backwards { has_more } else { came_from_newer })
            .map(|first| link("prev", "ending_before", first));
        let links: Vec<String> = next.into_iter().chain(previous).collect();
        let before = format!(r#"{{"has_more":{has_more},"data":["#);
        let response = Response::page(before, Objects { count: rows.len(), backwards, after: "]}" });
        if links.is_empty() { response } else { response.with("link", links.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "V000000000000000";

    fn paging(query: &str) -> Result<Paging, Error> {
        Attributes::of_query(query).and_then(|mut query| Paging::take(&mut query, &IDS))
    }

    fn respond(query: &str, positions: &str) -> Response {
        paging(query).unwrap().response(
            Some(positions).filter(|positions| !positions.is_empty()),
            "https://h/l",
            &["muted=true".to_owned()],
        )
    }

    /// Whether there are more, how many objects there are, and whether they come last one first.
    fn page(response: &Response) -> (bool, usize, bool) {
        let has_more = [("{\"has_more\":true,\"data\":[", true), ("{\"has_more\":false,\"data\":[", false)]
            .into_iter()
            .find_map(|(before, has_more)| (response.body.as_deref() == Some(before)).then_some(has_more));
        let Objects { count, backwards, after } = response.objects.as_ref().unwrap();
        assert_eq!(*after, "]}");
        (has_more.unwrap(), *count, *backwards)
    }

    #[test]
    fn ten_from_the_newest_unless_told() {
        let paging = paging("").unwrap();
        assert_eq!((paging.limit, paging.cursor), (Limit(10), Cursor::Start));
    }

    #[test]
    fn both_directions_at_once_are_refused() {
        let error = paging(&format!("starting_after={ID}&ending_before={ID}")).unwrap_err();
        assert_eq!(error.code, Code::ParameterInvalid);
    }

    #[test]
    fn a_malformed_cursor_is_refused() {
        for bad in ["", "x", "V00000000000000-", "V0000000000000000"] {
            assert!(paging(&format!("starting_after={bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_empty_list_has_no_links() {
        let response = respond("", "");
        assert_eq!(page(&response), (false, 0, false));
        assert!(response.headers.is_empty());
    }

    #[test]
    fn one_row_too_many_tells_that_there_are_more() {
        let response = respond("limit=2", "c\nb\na");
        assert_eq!(page(&response), (true, 2, false));
        assert_eq!(
            response.headers,
            [("link", r#"<https://h/l?muted=true&limit=2&starting_after=b>; rel="next""#.to_owned())]
        );
    }

    #[test]
    fn a_page_after_a_cursor_leads_back() {
        let response = respond(&format!("limit=2&starting_after={ID}"), "b\na");
        assert_eq!(
            response.headers,
            [("link", r#"<https://h/l?muted=true&limit=2&ending_before=b>; rel="prev""#.to_owned())]
        );
    }

    #[test]
    fn a_page_before_a_cursor_is_newest_first_too() {
        let response = respond(&format!("limit=2&ending_before={ID}"), "a\nb\nc");
        assert_eq!(page(&response), (true, 2, true));
        let expected = r#"<https://h/l?muted=true&limit=2&starting_after=a>; rel="next", <https://h/l?muted=true&limit=2&ending_before=b>; rel="prev""#;
        assert_eq!(response.headers, [("link", expected.to_owned())]);
    }
}
