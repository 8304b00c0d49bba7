//! Lists and their cursors: the links that a page gives lead to that same list, from the right position.

use super::{call, refusal};
use crate::{
    call::{Call, Parameter},
    id::base62,
};

/// A path and query, then on another line a byte for each row that the page finds.
pub fn list(input: &[u8]) {
    let (url, seeds) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len()));
    let Ok(url) = str::from_utf8(url) else { return };
    let path = url.split('?').next().unwrap_or_default();
    if !["/v1/conversations", "/v1/messages", "/v1/tokens"].contains(&path) {
        return;
    }
    let get = |url: &str| call("GET", url, "", b"").expect("a list is a call");
    let page = match get(url) {
        Ok(page) => page,
        Err(error) => {
            refusal(error);
            return;
        }
    };
    let (wanted, position, filter) = parts(&page);
    assert!((2..=101).contains(&wanted), "a limit of {}", wanted - 1);
    let (_, query) = url.split_once('?').unwrap_or_default();
    let asks = |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
    let recency = asks("sort").is_some_and(|(_, order)| order == "last_active_at");
    let backwards = asks("ending_before").is_some();
    assert!(!backwards || asks("starting_after").is_none(), "a page after one position and before another");
    let digits = if recency { 12 } else { 0 };
    assert!(position == "{" || position.len() == digits + 16, "{position:?} is a position");

    let positions: Vec<String> = seeds
        .iter()
        .skip(1)
        .take(usize::try_from(wanted).expect("is small"))
        .enumerate()
        .map(|(at, seed)| {
            let id = base62(u64::from(*seed) << 40 | at as u64, 16);
            if recency { format!("{seed:012}{id}") } else { id }
        })
        .collect();
    assert!(page.page, "a list is a page");
    let found = Some(positions.join("\n")).filter(|positions| !positions.is_empty());
    let response = (page.render)(found).expect("a page is found");
    let mut shown: Vec<&String> = positions.iter().take(usize::try_from(wanted - 1).expect("is small")).collect();
    let objects = response.objects.as_ref().expect("a page has objects");
    assert_eq!((objects.count, objects.backwards), (shown.len(), backwards));
    if backwards {
        shown.reverse();
    }
    let links = response.headers.iter().find(|(name, _)| *name == "link").map_or("", |(_, value)| value);
    for link in links.split(", ").filter(|link| !link.is_empty()) {
        let (target, relation) = link.split_once(">; rel=").expect("is a link");
        let target = target.strip_prefix("<https://example.com").expect("leads here");
        assert!(target.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte)), "{target} is a URL");
        let (cursor, edge) = match relation {
            r#""next""# => ("starting_after=", shown.last()),
            r#""prev""# => ("ending_before=", shown.first()),
            _ => panic!("a link to {relation}"),
        };
        let expected = *edge.expect("a page without rows leads nowhere");
        assert!(target.ends_with(&format!("{cursor}{expected}")), "{target} leads on from {expected}");
        let linked = get(target).map_err(refusal).unwrap_or_else(|code| panic!("{target} is refused: {code:?}"));
        assert_eq!(parts(&linked), (wanted, expected.to_owned(), filter.clone()), "{target}");
    }
}

/// How many rows a list asks for, from which position, and all else that it asks.
fn parts(page: &Call) -> (i64, String, Vec<Parameter>) {
    match page.statements.as_slice() {
        [list] => match list.parameters.as_slice() {
            [Parameter::Integer(wanted), Parameter::Text(position), filter @ ..] => {
                (*wanted, position.clone(), filter.to_vec())
            }
            other => panic!("a list asks with {other:?}"),
        },
        other => panic!("a list is {other:?}"),
    }
}
