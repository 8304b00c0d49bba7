//! Pages of a list: limit, cursors, links (contract, "List").

use std::fmt;

use crate::{
    http::{
        error::{Code, Error},
        response::Response,
    },
    id::{Id, TIME_DIGITS, base62},
    input::{
        attributes::{Attribute, Attributes, Value, input},
        values::{Timestamp, included},
    },
    query::{Parameter, Query, Rows, Statement},
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

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest object.
    #[default]
    Descending,
    /// The oldest one.
    Ascending,
}

impl Attribute for Order {
    const EXPECTED: &str = "asc or desc";

    fn parse(value: &Value) -> Option<Self> {
        match value.as_text()? {
            "asc" => Some(Self::Ascending),
            "desc" => Some(Self::Descending),
            _ => None,
        }
    }
}

/// What the response of a list has besides its page: how many objects the whole list has.
#[derive(Debug)]
pub struct IncludeCount;

impl Attribute for IncludeCount {
    const EXPECTED: &str = "total_count";

    fn parse(value: &Value) -> Option<Self> {
        included(value, ["total_count"]).map(|_| Self)
    }
}

/// How many of the rows that `$rows` finds match, in JSON, as a column: counted among the first 1001. So it reads 1001
/// rows at most. `$rows` has a column `matches`.
macro_rules! total_count {
    ($rows:expr) => {
        concat!(
            ",
  (
    SELECT json_object(
      'value', min(coalesce(sum(matches), 0), 1000), 'relation', iif(count(*) > 1000, 'gte', 'eq')
    )
    FROM (
      ",
            $rows,
            "
      LIMIT 1001
    )
  ) AS beside"
        )
    };
}
pub(crate) use total_count;

/// When the objects of a list were created: at or after a second, and before another one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// The first second.
    pub since: Option<Timestamp>,
    /// The first second that is too late.
    pub until: Option<Timestamp>,
}

/// How many objects a page of a [`Period`] looks at, at most, where not all of them may be of the period: if the order
/// of the list is not that of creation, or if ids don't tell when the objects were created
/// (migrations/0011_times.sql). Then a page can end before its limit.
pub const MAX_LOOKED_AT: usize = 180;

/// A common table expression for a list of a [`Period`]: the caller, and the ids between which the objects of the
/// period lie. In an account that has objects whose ids don't tell when they were created, these are all ids. `$low`
/// and `$high` are the parameters of the ids. Reads one row, and none where there is no such object.
macro_rules! span {
    ($table:literal, $low:literal, $high:literal) => {
        concat!(
            ",
span (account_id, token, low, high) AS (
  SELECT account_id, token, iif(is_undated, '', ",
            $low,
            "), iif(is_undated, '{', ",
            $high,
            ")
  FROM (
    SELECT account_id, token, EXISTS (
      SELECT 1 FROM ",
            $table,
            " AS undated INDEXED BY ",
            $table,
            "_undated
      WHERE undated.account_id = caller.account_id AND undated.is_undated
    ) AS is_undated
    FROM caller
  )
)"
        )
    };
}
pub(crate) use span;

impl Period {
    /// Whether it is all time.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// For a statement: the two seconds, and what ids begin with in each of them, for [`span!`].
    pub fn parameters(&self) -> [Parameter; 4] {
        let since = self.since.map_or(0, Timestamp::seconds);
        let until = self.until.map_or(Timestamp::MAX + 1, Timestamp::seconds);
        [since.into(), until.into(), first_id_of(since).into(), first_id_of(until).into()]
    }
}

/// What is smaller than all ids of a second and of those after it, and greater than those before it.
fn first_id_of(second: i64) -> String {
    const IDS_END: u64 = 62_u64.pow(TIME_DIGITS as u32);
    let milliseconds = 1000 * second.unsigned_abs();
    if milliseconds < IDS_END { base62(milliseconds, TIME_DIGITS) } else { BEYOND_ALL.to_owned() }
}

/// Greater than any position.
const BEYOND_ALL: &str = "{";

/// How the positions of a list are written: as texts that sort in the order of the list, or in its reverse order.
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
    /// Whether the page lies before the cursor.
    backwards: bool,
    /// Which end of the list comes first.
    order: Order,
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
            (None, None) => return Ok(Self { limit, cursor: None, backwards: false, order: Order::default() }),
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
        Ok(Self { limit, cursor: Some(cursor), backwards, order: Order::default() })
    }

    /// The same page of the list in this order.
    pub fn ordered(self, order: Option<Order>) -> Self {
        Self { order: order.unwrap_or_default(), ..self }
    }

    /// Whether the positions of the page rise, in the order in which they are found.
    pub fn rises(&self) -> bool {
        self.backwards != (self.order == Order::Ascending)
    }

    /// In SQL: which positions lie past the cursor in the direction of travel, and their order.
    pub fn direction(&self) -> (&'static str, &'static str) {
        if self.rises() { (">", "ASC") } else { ("<", "DESC") }
    }

    /// The position that the page lies past. Without a cursor it is one that all positions lie past.
    pub fn position(&self) -> &str {
        self.cursor.as_deref().unwrap_or(if self.rises() { "" } else { BEYOND_ALL })
    }

    /// The query of a list that `answer` reads. `url` is the list's own, `kept` the parameters that its links keep.
    pub fn query(self, answer: Statement, url: String, kept: String) -> Query {
        Query { limit: self.limit.objects(), ..Query::read(answer, move |rows| Ok(self.response(&rows, &url, &kept))) }
    }

    /// The page that was found in the direction of travel, with links to the pages around.
    fn response(&self, rows: &Rows, url: &str, kept: &str) -> Response {
        let Rows { first, last, has_more, beside, .. } = rows;
        let limit = self.limit;
        let link = |relation: &str, parameter: &str, position: &str| {
            format!(r#"<{url}?{kept}limit={limit}&{parameter}={position}>; rel="{relation}""#)
        };
        let (top, bottom) = if self.backwards { (last, first) } else { (first, last) };
        // A page past a cursor always links back to where the caller came from. An empty one has no object to start
        // from, so its link leads to the object of the cursor.
        let beside_cursor = || self.cursor.as_deref().map(|cursor| neighbour(cursor, self.rises()));
        let (has_next, has_previous) =
            if self.backwards { (true, *has_more) } else { (*has_more, self.cursor.is_some()) };
        let next = has_next.then(|| bottom.clone().or_else(beside_cursor)).flatten();
        let previous = has_previous.then(|| top.clone().or_else(beside_cursor)).flatten();
        let next = next.map(|bottom| link("next", STARTING_AFTER, &bottom));
        let previous = previous.map(|top| link("prev", ENDING_BEFORE, &top));
        let links: Vec<String> = next.into_iter().chain(previous).collect();

        let response = Response::list(*has_more, self.backwards, beside.as_deref());
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
    fn the_other_order_turns_the_list_and_the_way_to_its_empty_pages_round() {
        let ascending = |query: &str| paging(query).unwrap().ordered(Some(Order::Ascending));
        assert_eq!((ascending("").position(), ascending("").direction()), ("", (">", "ASC")));
        let backwards = format!("ending_before={ID}");
        assert_eq!(ascending(&backwards).direction(), ("<", "DESC"));
        for (query, beside) in [
            (backwards, r#"<u?limit=10&starting_after=Uzzzzzzzzzzzzzzz>; rel="next""#),
            (format!("starting_after={ID}"), r#"<u?limit=10&ending_before=V000000000000001>; rel="prev""#),
        ] {
            let response = ascending(&query).response(&Rows::default(), "u", "");
            assert_eq!(response.headers, [("link", beside.into())]);
        }
    }

    #[test]
    fn a_period_is_a_range_of_ids() {
        let second = |seconds: i64| Timestamp::parse(&Value::Integer(seconds));
        let ids = |since: Option<i64>, until: Option<i64>| {
            let period = Period { since: since.and_then(second), until: until.and_then(second) };
            let [_, _, low, high] = period.parameters();
            (low, high)
        };
        let text = |text: &str| Parameter::Text(text.to_owned());
        assert_eq!(ids(None, None), (text("0000000"), text("{")));
        assert_eq!(ids(Some(1_790_000_000), Some(1_790_000_001)), (text("VVrda1w"), text("VVrdaI4")));
        assert_eq!(ids(Some(3_521_614_606), Some(3_521_614_607)), (text("zzzzzwe"), text("{")));
        assert_eq!(ids(Some(Timestamp::MAX), None), (text("{"), text("{")));
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
