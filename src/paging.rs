//! Pages of a list: limit, cursors, links (contract, "List").

use std::fmt;

use crate::{
    http::{
        error::{Code, Error},
        response::Response,
    },
    id::Id,
    input::attributes::{Attribute, Attributes, Value, input},
    query::{Query, Rows, Statement},
};

/// How many objects a page has at most: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(i64);

impl Default for Limit {
    fn default() -> Self {
        Self(10)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Limit {
    /// The most that a page can have.
    pub const MAX: Self = Self(100);

    /// How many objects the page has at most.
    pub fn objects(self) -> usize {
        usize::try_from(self.0).unwrap_or_default()
    }

    /// Rows to ask for: one more than the page has, to know whether there are others.
    pub fn and_one_more(self) -> i64 {
        self.0 + 1
    }
}

impl Attribute for Limit {
    const EXPECTED: &str = "a whole number from 1 to 100";

    fn parse(value: &Value) -> Option<Self> {
        value.as_integer().filter(|number| (1..=100).contains(number)).map(Self)
    }
}

/// A position in a list as a caller sent it.
#[derive(Debug)]
pub struct Cursor(String);

impl Attribute for Cursor {
    const EXPECTED: &str = "text";

    fn parse(value: &Value) -> Option<Self> {
        value.as_text().map(|text| Self(text.to_owned()))
    }
}

input! {
    /// What the query of a list without filters says.
    pub struct Plain {
        /// At most so many.
        pub limit: Option<Limit>,
        /// The page after this position.
        pub starting_after: Option<Cursor>,
        /// The page before it.
        pub ending_before: Option<Cursor>,
    }
}

/// How the positions of a list are written: as texts that sort in the reverse order of the list.
#[derive(Debug)]
pub struct Positions {
    /// What a cursor must be, for people.
    pub expected: &'static str,
    /// Whether a text is one, no matter whether it names a row.
    pub well_formed: fn(&str) -> bool,
}

/// In order of creation an id is a position.
pub const IDS: Positions =
    Positions { expected: "the id of an object (16 letters or digits)", well_formed: |text| Id::parse(text).is_some() };

/// Which page of a list is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Paging {
    /// The page's size.
    pub limit: Limit,
    /// The position that the page lies past. None for the first page.
    cursor: Option<String>,
    /// Whether the page lies before the cursor: newer objects.
    backwards: bool,
}

/// Digits of an id.
const ID_LENGTH: usize = 16;

const STARTING_AFTER: &str = "starting_after";
const ENDING_BEFORE: &str = "ending_before";

impl Paging {
    /// Checks what a list's input says of its page.
    pub fn new(
        limit: Option<Limit>,
        starting_after: Option<Cursor>,
        ending_before: Option<Cursor>,
        positions: &Positions,
    ) -> Result<Self, Error> {
        let limit = limit.unwrap_or_default();
        let (name, cursor, backwards) = match (starting_after, ending_before) {
            (None, None) => return Ok(Self { limit, cursor: None, backwards: false }),
            (Some(Cursor(position)), None) => (STARTING_AFTER, position, false),
            (None, Some(Cursor(position))) => (ENDING_BEFORE, position, true),
            (Some(_), Some(_)) => {
                let message = "`ending_before` can't be combined with `starting_after`. Send one of the two.";
                return Err(Error::for_param(Code::ParameterInvalid, ENDING_BEFORE, message));
            }
        };
        if !(positions.well_formed)(&cursor) {
            return Err(Error::invalid(name, positions.expected));
        }
        Ok(Self { limit, cursor: Some(cursor), backwards })
    }

    /// In SQL: which positions lie past the cursor in the direction of travel, and their order.
    pub fn direction(&self) -> (&'static str, &'static str) {
        if self.backwards { (">", "ASC") } else { ("<", "DESC") }
    }

    /// The position that the page lies past. Without a cursor it is `{`, which is greater than any position.
    pub fn position(&self) -> &str {
        self.cursor.as_deref().unwrap_or("{")
    }

    /// The query of a list that `answer` reads. `url` is the list's own, `kept` the parameters that its links keep.
    pub fn query(self, answer: Statement, url: String, kept: String) -> Query {
        Query { limit: self.limit.objects(), ..Query::read(answer, move |rows| Ok(self.response(&rows, &url, &kept))) }
    }

    /// The page that was found in the direction of travel, with links to the pages around.
    fn response(&self, rows: &Rows, url: &str, kept: &str) -> Response {
        let Rows { first, last, has_more, .. } = rows;
        let limit = self.limit;
        let link = |relation: &str, parameter: &str, position: &str| {
            format!(r#"<{url}?{kept}limit={limit}&{parameter}={position}>; rel="{relation}""#)
        };
        let (newest, oldest) = if self.backwards { (last, first) } else { (first, last) };
        // A page past a cursor always links back to where the caller came from. An empty one has no object to start
        // from, so its link leads to the object of the cursor.
        let beside_cursor = || self.cursor.as_deref().map(|cursor| neighbour(cursor, self.backwards));
        let (has_older, has_newer) =
            if self.backwards { (true, *has_more) } else { (*has_more, self.cursor.is_some()) };
        let next = has_older.then(|| oldest.clone().or_else(beside_cursor)).flatten();
        let previous = has_newer.then(|| newest.clone().or_else(beside_cursor)).flatten();
        let next = next.map(|oldest| link("next", STARTING_AFTER, &oldest));
        let previous = previous.map(|newest| link("prev", ENDING_BEFORE, &newest));
        let links: Vec<String> = next.into_iter().chain(previous).collect();

        let response = Response::list(*has_more, self.backwards);
        if links.is_empty() { response } else { response.with("link", links.join(", ")) }
    }
}

/// The position right after another in the order of text, or right before it. It counts the id at the end, a number in
/// base62. The first and the last id have no such neighbour: the position itself.
fn neighbour(position: &str, after: bool) -> String {
    let mut text = position.as_bytes().to_vec();
    for digit in text.iter_mut().rev().take(ID_LENGTH) {
        let (counted, carries) = match (*digit, after) {
            (b'z', true) => (b'0', true),
            (b'Z', true) => (b'a', false),
            (b'9', true) => (b'A', false),
            (digit, true) => (digit + 1, false),
            (b'0', false) => (b'z', true),
            (b'A', false) => (b'9', false),
            (b'a', false) => (b'Z', false),
            (digit, false) => (digit - 1, false),
        };
        *digit = counted;
        if !carries {
            // A position is ASCII.
            return String::from_utf8(text).unwrap_or_default();
        }
    }
    position.to_owned()
}

/// The parameters of a list's query that links to its other pages keep, each followed by `&`. The query has been
/// parsed, so no value needs encoding.
pub fn kept_parameters(query: &Attributes) -> String {
    query
        .words()
        .filter(|(name, _)| !["limit", STARTING_AFTER, ENDING_BEFORE].contains(name))
        .map(|(name, value)| [name, "=", value, "&"].concat())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::response::Body;

    const ID: &str = "V000000000000000";

    fn paging(query: &str) -> Result<Paging, Error> {
        let mut query = Attributes::of_query(query).unwrap();
        Paging::new(query.take("limit")?, query.take(STARTING_AFTER)?, query.take(ENDING_BEFORE)?, &IDS)
    }

    /// The response to these positions, of which the page shows the first and the last.
    fn respond(query: &str, first: &str, last: &str, has_more: bool) -> Response {
        let position = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let rows = Rows { first: position(first), last: position(last), has_more, ..Rows::default() };
        let kept = kept_parameters(&Attributes::of_query(query).unwrap());
        paging(query).unwrap().response(&rows, "https://h/l", &kept)
    }

    /// Whether there are more objects, and whether they come in reverse.
    fn page(response: &Response) -> (bool, bool) {
        let Body::Objects(objects) = &response.body else { panic!("{response:?}") };
        assert_eq!(objects.after, "]}");
        (objects.before == r#"{"has_more":true,"data":["#, objects.reversed)
    }

    #[test]
    fn ten_from_the_newest_by_default() {
        let paging = paging("").unwrap();
        assert_eq!((paging.limit, paging.position(), paging.direction()), (Limit(10), "{", ("<", "DESC")));
    }

    #[test]
    fn a_limit_is_1_to_100() {
        assert!(paging("limit=1").is_ok() && paging("limit=100").is_ok());
        for bad in ["0", "101", "-1", "1.0", "ten", ""] {
            assert!(paging(&format!("limit={bad}")).is_err(), "{bad}");
        }
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
    fn a_page_beyond_the_end_links_back_to_the_object_of_its_cursor() {
        for (cursor, expected) in [
            ("V000000000000000", "Uzzzzzzzzzzzzzzz"),
            ("V00000000000000A", "V000000000000009"),
            ("V00000000000000a", "V00000000000000Z"),
            ("V000000000000010", "V00000000000000z"),
            ("0000000000000000", "0000000000000000"),
        ] {
            let response = respond(&format!("muted=true&starting_after={cursor}&limit=2"), "", "", false);
            let expected = format!(r#"<https://h/l?muted=true&limit=2&ending_before={expected}>; rel="prev""#);
            assert_eq!(response.headers, [("link", expected.into())]);
        }
        for (cursor, expected) in [
            ("Uzzzzzzzzzzzzzzz", "V000000000000000"),
            ("V000000000000009", "V00000000000000A"),
            ("V00000000000000Z", "V00000000000000a"),
            ("V00000000000000z", "V000000000000010"),
            ("zzzzzzzzzzzzzzzz", "zzzzzzzzzzzzzzzz"),
        ] {
            let response = respond(&format!("muted=true&ending_before={cursor}&limit=2"), "", "", false);
            let expected = format!(r#"<https://h/l?muted=true&limit=2&starting_after={expected}>; rel="next""#);
            assert_eq!(response.headers, [("link", expected.into())]);
        }
    }

    #[test]
    fn of_a_position_only_the_id_at_its_end_is_counted() {
        assert_eq!(neighbour("0070510320V000000000000000", false), "0070510320Uzzzzzzzzzzzzzzz");
        assert_eq!(neighbour("0070510320Uzzzzzzzzzzzzzzz", true), "0070510320V000000000000000");
        for stays in ["00705103200000000000000000", "0000000000000000"] {
            assert_eq!(neighbour(stays, false), stays);
        }
    }

    #[test]
    fn an_empty_list_has_no_links() {
        let response = respond("", "", "", false);
        assert_eq!(page(&response), (false, false));
        assert!(response.headers.is_empty());
    }

    #[test]
    fn a_page_with_more_after_it_links_to_the_next() {
        let response = respond("muted=true&limit=2", "c", "b", true);
        assert_eq!(page(&response), (true, false));
        assert_eq!(
            response.headers,
            [("link", r#"<https://h/l?muted=true&limit=2&starting_after=b>; rel="next""#.into())]
        );
    }

    #[test]
    fn a_page_after_a_cursor_links_back() {
        let response = respond(&format!("limit=2&starting_after={ID}"), "b", "a", false);
        assert_eq!(response.headers, [("link", r#"<https://h/l?limit=2&ending_before=b>; rel="prev""#.into())]);
    }

    #[test]
    fn a_page_before_a_cursor_is_newest_first_too() {
        let response = respond(&format!("limit=2&ending_before={ID}&muted=true"), "a", "b", true);
        assert_eq!(page(&response), (true, true));
        let expected = concat!(
            r#"<https://h/l?muted=true&limit=2&starting_after=a>; rel="next", "#,
            r#"<https://h/l?muted=true&limit=2&ending_before=b>; rel="prev""#
        );
        assert_eq!(response.headers, [("link", expected.into())]);
    }
}
