//! Lists and their cursors, and the log of events: the links of a page lead to the same list, from the right position
//! and in the right direction.

use conversations::{
    http::{
        error::Error,
        response::{Body, Objects},
    },
    id::base62,
    query::{Parameter, Query, Rows, Until},
};
use serde_json::json;

use super::{BASE62, ORIGIN, Sent, check_headers, query, refusal};

const ATTEMPTS: &str = "/v1/webhooks/V000000000000003/attempts";

/// A path and query. After a line break, a byte for each row that the database finds.
pub fn list(input: &[u8]) {
    let (url, seeds) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len()));
    let Ok(url) = str::from_utf8(url) else { return };
    if (Sent { method: "GET", url, content_type: "", body: b"" }).reads_events() {
        return events(url, seeds);
    }
    let path = url.split('?').next().unwrap_or_default();
    let is_list = ["/v1/conversations", "/v1/messages", "/v1/tokens", "/v1/webhooks", ATTEMPTS].contains(&path);
    if !is_list {
        return;
    }
    let page = match get(url) {
        Ok(page) => page,
        Err(error) => {
            refusal(error);
            return;
        }
    };
    let Parts { sql, wanted, position, filter } = Parts::of(&page);
    assert!((2..=101).contains(&wanted), "a limit of {}", wanted - 1);
    let limit = usize::try_from(wanted - 1).expect("is small");
    assert_eq!((page.limit, page.repeatable), (limit, true));
    let (_, sent) = url.split_once('?').unwrap_or_default();
    let value = |name: &str| form_urlencoded::parse(sent.as_bytes()).find(|(known, _)| known == name);
    let by_activity = value("sort").is_some_and(|(_, order)| order == "last_active_at");
    let backwards = value("ending_before").is_some();
    let forwards = value("starting_after").is_some();
    let rises = backwards != value("order").is_some_and(|(_, order)| order == "asc");
    assert!(!(backwards && forwards), "a page after one position and before another");
    let digits = if by_activity { 7 } else { 0 };
    let first = if rises { "" } else { "{" };
    assert!(position == first || position.len() == digits + 16, "{position:?} is a position");

    let found: Vec<String> = seeds
        .iter()
        .skip(1)
        .take(limit + 1)
        .enumerate()
        .map(|(at, seed)| {
            let id = base62(u64::from(*seed) << 40 | at as u64, 16);
            if by_activity { base62((*seed).into(), 7) + &id } else { id }
        })
        .collect();
    let has_more = found.len() > limit;
    let shown = &found[..found.len().min(limit)];
    // The list of attempts has the tag of its endpoint.
    let tag = (path == ATTEMPTS).then(|| "V000000000000003".to_owned());
    let rows = Rows { first: shown.first().cloned(), last: shown.last().cloned(), has_more, tag, ..Rows::default() };
    let response = (page.render)(rows).expect("a list always has a page");
    check_headers(&response.headers);
    let Body::Objects(Objects { before, reversed, after }) = &response.body else { panic!("a page has objects") };
    let body = [before, r#"{"n":1},{"n":2}"#, after].concat();
    let body: serde_json::Value = serde_json::from_str(&body).expect("the page is JSON");
    assert_eq!(body, json!({ "has_more": has_more, "data": [{ "n": 1 }, { "n": 2 }] }));
    assert_eq!(*reversed, backwards);

    // An empty page links back from the position beside its own, so that the page there has the object of its own.
    let beside = [neighbour(&position, rises)];
    let shown = if shown.is_empty() && (backwards || forwards) { &beside } else { shown };
    let (newest, oldest) = if backwards { (shown.last(), shown.first()) } else { (shown.first(), shown.last()) };
    let next = oldest.filter(|_| has_more || backwards).map(|oldest| ("next", "starting_after", oldest));
    let previous = newest.filter(|_| if backwards { has_more } else { forwards });
    let expected = next.into_iter().chain(previous.map(|newest| ("prev", "ending_before", newest)));
    let links = response.headers.iter().find(|(name, _)| *name == "link").map_or("", |(_, value)| value);
    let mut links = links.split(", ").filter(|link| !link.is_empty());
    for (relation, parameter, edge) in expected {
        let link = links.next().unwrap_or_else(|| panic!("no link to {relation}"));
        let target = link
            .strip_suffix(&format!("&{parameter}={edge}>; rel=\"{relation}\""))
            .unwrap_or_else(|| panic!("{link} does not lead {relation} from {edge}"));
        let target = format!("{target}&{parameter}={edge}");
        let target = target.strip_prefix(&format!("<{ORIGIN}")).expect("a link leads to this API");
        assert!(target.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte)), "{target} is a URL");
        let linked = get(target).map_err(refusal).unwrap_or_else(|code| panic!("{target} is refused: {code:?}"));
        let linked = Parts::of(&linked);
        assert_eq!((linked.wanted, &linked.position, &linked.filter), (wanted, edge, &filter), "{target}");
        let same_direction = (relation == "prev") == backwards;
        assert_eq!(linked.sql == sql, same_direction, "the direction of {target}");
    }
    assert_eq!(links.next(), None, "a link too many");
}

/// The log of events: it has one direction, and each page links to what comes after it. `wait` is kept.
fn events(url: &str, seeds: &[u8]) {
    let page = match get(url) {
        Ok(page) => page,
        Err(error) => {
            refusal(error);
            return;
        }
    };
    let (_, sent) = url.split_once('?').unwrap_or_default();
    let value = |name: &str| form_urlencoded::parse(sent.as_bytes()).find(|(known, _)| known == name);
    let [wanted, seq, id] = parameters_of_events(&page);
    let limit = value("limit").map_or(10, |(_, limit)| limit.parse().expect("is a number"));
    assert!((1..=100).contains(&limit), "a limit of {limit}");
    assert_eq!((wanted, page.limit, page.repeatable), (Parameter::Integer(limit + 2), limit as usize, true));
    match value("starting_after").as_ref().map(|(_, position)| position.as_ref()) {
        None => assert_eq!((seq, id), (Parameter::Integer(1), Parameter::Null)),
        Some("now") => assert_eq!((seq, id), (Parameter::Integer((1 << 53) - 1), Parameter::Null)),
        Some(position) => assert_eq!([seq, id], position_of_event(position)),
    }
    let wait = value("wait").map(|(_, seconds)| seconds.parse::<u64>().expect("is a number"));
    assert!(wait.is_none_or(|seconds| (1..=30).contains(&seconds)), "a wait of {wait:?}");
    let until = |page: &Query| page.live.as_ref().map(|live| live.until);
    assert_eq!(until(&page), wait.map(|seconds| Until::Found { seconds }));

    let event = |seed: u64| format!("{seed:09x}AbCdEfG");
    let found: Vec<String> = seeds.iter().skip(1).take(limit as usize).map(|seed| event((*seed).into())).collect();
    let has_more = found.len() % 2 == 1;
    let (first, last) = (found.first().cloned(), found.last().cloned());
    let end = last.clone().unwrap_or_else(|| event(4096));
    let tag = Some(event(4096) + "-1-3f");
    let response = (page.render)(Rows { first, last, has_more, tag, ..Rows::default() }).expect("there is a page");
    check_headers(&response.headers);
    let Body::Objects(Objects { before, reversed: false, after }) = &response.body else { panic!("oldest first") };
    let body: serde_json::Value = serde_json::from_str(&[before, "", after].concat()).expect("the page is JSON");
    assert_eq!(body, json!({ "has_more": has_more, "data": [] }));

    let link = response.headers.iter().find(|(name, _)| *name == "link").map_or("", |(_, value)| value);
    let target = link.strip_prefix(&format!("<{ORIGIN}")).and_then(|link| link.strip_suffix(r#">; rel="next""#));
    let target = target.unwrap_or_else(|| panic!("{link} is no link to the next page"));
    let linked = get(target).map_err(refusal).unwrap_or_else(|code| panic!("{target} is refused: {code:?}"));
    assert_eq!(until(&linked), wait.map(|seconds| Until::Found { seconds }), "{target}");
    let [seq, id] = position_of_event(&end);
    assert_eq!(parameters_of_events(&linked), [Parameter::Integer(limit + 2), seq, id], "{target}");
}

/// How many rows a page of events asks for, from which number on, and after which event.
fn parameters_of_events(page: &Query) -> [Parameter; 3] {
    let [list] = page.statements.as_slice() else { panic!("a list is {:?}", page.statements) };
    list.parameters.clone().try_into().expect("a page of events has three parameters")
}

/// The number and the id of an event.
fn position_of_event(id: &str) -> [Parameter; 2] {
    let (number, request) = id.split_at_checked(9).expect("an id has 16 characters");
    let digits: Vec<_> =
        number.bytes().map(|digit| b"0123456789abcdef".iter().position(|known| *known == digit)).collect();
    let number = digits.iter().fold(0, |sum, digit| 16 * sum + digit.expect("the number is hexadecimal") as i64);
    assert!(request.len() == 7 && request.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    [Parameter::Integer(number), Parameter::Text(id.to_owned())]
}

/// The position right after another, or right before it: the id at its end as a number, one more or less.
fn neighbour(position: &str, after: bool) -> String {
    let (before, id) = position.split_at(position.len().saturating_sub(16));
    let value = |digit| BASE62.iter().position(|known| *known == digit);
    let number = id.bytes().filter_map(value).fold(0_u128, |sum, value| 62 * sum + value as u128);
    let last = 62_u128.pow(16) - 1;
    let number = if after { (number + 1).min(last) } else { number.saturating_sub(1) };
    let digit = |at| BASE62[(number / 62_u128.pow(at) % 62) as usize];
    before.to_owned() + &(0..16).rev().map(|at| char::from(digit(at))).collect::<String>()
}

fn get(url: &str) -> Result<Query, Error> {
    let sent = Sent { method: "GET", url, content_type: "", body: b"" };
    query(&sent.head(), sent.body).expect("a list reaches its handler")
}

/// The one statement of a list.
struct Parts {
    sql: String,
    /// The number of rows that it asks for.
    wanted: i64,
    /// The position that they follow.
    position: String,
    filter: Vec<Parameter>,
}

impl Parts {
    fn of(page: &Query) -> Self {
        let [list] = page.statements.as_slice() else { panic!("a list is {:?}", page.statements) };
        match list.parameters.as_slice() {
            [Parameter::Integer(wanted), Parameter::Text(position), filter @ ..] => {
                Self { sql: list.sql.to_string(), wanted: *wanted, position: position.clone(), filter: filter.to_vec() }
            }
            other => panic!("a list has the parameters {other:?}"),
        }
    }
}
