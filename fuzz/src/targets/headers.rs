//! Request headers, one target each.
//!
//! The parser of another header gets its target here, a line in `TARGETS` (`lib.rs`) and a corpus
//! (`corpus/NAME.jsonl`).

use std::net::{AddrParseError, Ipv6Addr};

use conversations::{
    auth::{caller::Caller, scopes::Scope, token::Token},
    bookmark::{Bookmark, FIRST_PRIMARY},
    http::{SPACE, conditions::Condition, cors, error::Code, head::Head},
    idempotency::Key,
    input::body,
    limits,
    shard::Shard,
};
use sha2::{Digest, Sha256};

use super::{BASE62, FORM, JSON, attributes, check_headers, refusal};

/// `Authorization`. The input is the header. After a `~` it is a recipe for a header with a valid checksum: the number
/// of the database and `_`, or neither; the random characters; a space, and pairs of bytes, each of which changes one
/// character.
pub fn authorization(input: &[u8]) {
    let header = match input.strip_prefix(b"~") {
        Some(recipe) => forged(recipe),
        None => input.to_vec(),
    };
    let Ok(header) = str::from_utf8(&header) else { return };
    // A scheme, a space, a token; there may be more space around them.
    let parts: Vec<_> = header.split(SPACE).filter(|part| !part.is_empty()).collect();
    let bearer = parts.first().is_some_and(|scheme| {
        scheme.eq_ignore_ascii_case("bearer") && header.trim_matches(SPACE).split(' ').next() == Some(scheme)
    });
    let expected = match parts[..] {
        [_, token] if bearer && let Some(database) = genuine(token) => Ok((hexadecimal(token), database)),
        [_, _, ..] if bearer => Err(Code::TokenInvalid),
        _ => Err(Code::TokenMissing),
    };
    let caller = Caller::authenticate(Some(header), Some(Scope::MessagesRead));
    if let Ok(caller) = &caller {
        let shown = format!("{caller:?}");
        assert!(!shown.contains("self_") && !shown.contains(caller.hash.as_str()), "a secret in {shown}");
        assert_eq!(caller.token.as_ref().map(Token::shard), Some(caller.shard));
        let new = Token::random(caller.shard).expect("this machine has randomness");
        assert_eq!(genuine(new.reveal()), Some(caller.shard.number()), "{}", new.reveal());
        assert!(Some(&new) != caller.token.as_ref(), "{} is new", new.reveal());
    }
    let read = caller.map(|caller| (caller.hash.as_str().to_owned(), caller.shard.number()));
    assert_eq!(read.map_err(refusal), expected);
}

/// The database of a token: `self_`, the number of a database that is not the first and `_`, 30 characters of base62,
/// and six for the CRC-32 of all that is before them but `self_`.
fn genuine(token: &str) -> Option<u16> {
    let rest = token.strip_prefix("self_").filter(|rest| rest.is_ascii())?;
    let (covered, checksum) = rest.split_at(rest.len().checked_sub(6)?);
    let (database, random) = covered.split_at(covered.len().checked_sub(30)?);
    let value = |text: &str| {
        let digits = text.bytes().map(|byte| BASE62.iter().position(|digit| *digit == byte));
        digits.rev().enumerate().try_fold(0, |sum, (at, digit)| Some(sum + digit? as u64 * 62_u64.pow(at as u32)))
    };
    let genuine = random.bytes().all(|byte| BASE62.contains(&byte))
        && value(checksum) == Some(u64::from(crc32fast::hash(covered.as_bytes())));
    match database.strip_suffix('_') {
        _ if !genuine => None,
        Some(number) => number_of(number).filter(|number| *number != 0),
        None => database.is_empty().then_some(0),
    }
}

/// The number of a database, as it is written: at most four digits, and no other text for the same number.
fn number_of(text: &str) -> Option<u16> {
    let number = text.parse().ok()?;
    (number <= 9999 && u16::to_string(&number) == text).then_some(number)
}

fn hexadecimal(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn forged(recipe: &[u8]) -> Vec<u8> {
    let (seed, changes) = recipe.split_at(recipe.iter().position(|byte| *byte == b' ').unwrap_or(recipe.len()));
    let character = |byte: &u8| char::from(if byte.is_ascii() { *byte } else { BASE62[usize::from(*byte) % 62] });
    let before = seed.iter().position(|byte| *byte == b'_').map_or(0, |at| at + 1);
    let covered: String = seed.iter().chain(&[b'0'; 30]).take(before + 30).map(character).collect();
    let checksum = u64::from(crc32fast::hash(covered.as_bytes()));
    let digits = (0..6).rev().map(|at| char::from(BASE62[(checksum / 62_u64.pow(at) % 62) as usize]));
    let mut header = format!("Bearer self_{covered}{}", digits.collect::<String>()).into_bytes();
    for change in changes.get(1..).unwrap_or_default().chunks_exact(2) {
        let at = usize::from(change[0]) % (header.len() + 1);
        match change[0] {
            128.. => header.insert(at, change[1]),
            _ if at < header.len() => header[at] = change[1],
            _ => {}
        }
    }
    header
}

/// `X-D1-Bookmark`: the number of a database and a state of it. It is of that database, and of no other.
pub fn bookmark(input: &[u8]) {
    let Ok(header) = str::from_utf8(input) else { return };
    let read = |text: &str| Bookmark::parse(text).expect("is a bookmark");
    let parsed = Bookmark::parse(header).map_err(refusal);
    let Some((database, state)) = state(header) else { return assert_eq!(parsed, Err(Code::ParameterInvalid)) };
    assert_eq!(parsed.as_ref(), Ok(&read(&Bookmark::text(database, state))), "{header}");
    let other = Shard::from((database.number() + 1) % 10_000);
    for (token, account, expected) in [
        (database, database, Ok(state)),
        (other, database, Ok(state)),
        (other, other, Err(Code::ParameterInvalid)),
        // The account has moved since.
        (database, other, Ok(FIRST_PRIMARY)),
    ] {
        let bearer = format!("Bearer {}", Token::random(token).expect("this machine has randomness").reveal());
        let caller = Caller::authenticate(Some(&bearer), Some(Scope::MessagesRead)).expect("is a well-formed token");
        let wanted = read(header).state(&Caller { shard: account, ..caller }).map_err(refusal);
        assert_eq!(wanted.as_deref(), expected.as_ref().map(|state| *state), "{token:?} {account:?}");
    }
}

/// The number of the database and the state in a bookmark: 8, 8, 8 and 32 hexadecimal digits with hyphens between them.
fn state(header: &str) -> Option<(Shard, &str)> {
    let (database, state) = header.trim_matches(SPACE).split_once('.')?;
    let is_right = |(at, byte): (usize, u8)| match at {
        8 | 17 | 26 => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    };
    let valid = state.len() == 59 && state.bytes().enumerate().all(is_right);
    Some((Shard::from(number_of(database).filter(|_| valid)?), state))
}

/// `Idempotency-Key`: it is the same key bare and in quotes, and different keys are different.
pub fn idempotency_key(input: &[u8]) {
    let Ok(header) = str::from_utf8(input) else { return };
    let parsed = Key::parse(header).map_err(refusal);
    let Some(key) = key(header) else { return assert_eq!(parsed, Err(Code::ParameterInvalid)) };
    assert_eq!(format!("{:?}", parsed.as_ref().expect("is a key")), format!("Key({key:?})"));
    let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
    assert_eq!(Key::parse(&quoted).map_err(refusal), parsed, "{quoted}");
    if !key.starts_with('"') && key.trim_matches(SPACE) == key {
        assert_eq!(Key::parse(&key).map_err(refusal), parsed, "{key}");
    }
}

/// The key in a header: 1 to 255 printable ASCII characters. Of a quoted string, the content.
fn key(header: &str) -> Option<String> {
    // Characters that can't be printed stand for those that were escaped.
    let (backslash, quote) = ("\u{1}", "\u{2}");
    let value = header.trim_matches(SPACE);
    if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return None;
    }
    let key = match value.strip_prefix('"') {
        None => value.to_owned(),
        Some(rest) => {
            let inner = rest.replace(r"\\", backslash).replace(r#"\""#, quote);
            let inner = inner.strip_suffix('"').filter(|inner| !inner.contains(['"', '\\']))?;
            inner.replace(backslash, r"\").replace(quote, "\"")
        }
    };
    (1..=255).contains(&key.len()).then_some(key)
}

/// `If-Match` and `If-None-Match`: a condition holds for exactly the tags in its list.
pub fn entity_tags(input: &[u8]) {
    let Ok(header) = str::from_utf8(input) else { return };
    let parsed = Condition::parse("If-Match", Some(header)).map_err(refusal);
    if header.trim_matches(SPACE) == "*" {
        return assert_eq!(parsed, Ok(Condition::Any));
    }
    let Some(tags) = tags(header) else { return assert_eq!(parsed, Err(Code::ParameterInvalid)) };
    let parsed = parsed.expect("is a list of tags");
    let again = tags.iter().map(|tag| format!("W/\"{tag}\"")).collect::<Vec<_>>().join(" , ");
    assert_eq!(Condition::parse("If-Match", Some(&again)).map_err(refusal), Ok(parsed.clone()), "{again}");
    let longer = tags.iter().map(|tag| format!("{tag}x"));
    let shorter = tags.iter().map(|tag| tag.chars().skip(1).collect());
    for tag in tags.iter().map(|tag| (*tag).to_owned()).chain(longer).chain(shorter).chain([String::new()]) {
        let expected = tags.contains(&tag.as_str());
        assert_eq!(parsed.holds_for(&tag), expected, "{tag}");
        // Statements search the list for the tag in its quotes.
        let list = parsed.tags().expect("is a list of tags");
        assert_eq!(list.contains(&format!("\"{tag}\"")), expected, "{tag} in {list}");
    }
}

/// The tags of a list: every second piece between quotes. Commas and spaces are around them, at least one comma between
/// two, and `W/` may be right before one.
fn tags(header: &str) -> Option<Vec<&str>> {
    let pieces: Vec<_> = header.split('"').collect();
    let ([first, middle @ .., last], true) = (&pieces[..], pieces.len() >= 3 && pieces.len() % 2 == 1) else {
        return None;
    };
    let separators = |text: &str| text.chars().all(|character| SPACE.contains(&character) || character == ',');
    let begins = |text: &str| separators(text.strip_suffix("W/").unwrap_or(text));
    let tags: Vec<_> = middle.iter().copied().step_by(2).collect();
    let separated = middle.iter().skip(1).step_by(2).all(|text| text.contains(',') && begins(text));
    let sound =
        tags.iter().all(|tag| !tag.contains(|character: char| character == ' ' || character.is_ascii_control()));
    (begins(first) && separated && separators(last) && sound).then_some(tags)
}

/// `Content-Type`, and on a second line `Content-Encoding`: a body is a form, or JSON, or refused. This body could be
/// both.
pub fn content_type(input: &[u8]) {
    const BODY: &[u8] = b"{}";
    let Ok(text) = str::from_utf8(input) else { return };
    let (header, encoding) = match text.split_once('\n') {
        Some((header, encoding)) => (header, Some(encoding)),
        None => (text, None),
    };
    let mut parts = header.to_ascii_lowercase();
    parts.push(';');
    let mut parts = parts.split_terminator(';').map(|part| part.trim_matches(SPACE));
    let essence = parts.next().unwrap_or_default();
    let utf8 = parts.all(|parameter| {
        let name = parameter.get(..7).unwrap_or_default();
        name != "charset" || ["=utf-8", "=\"utf-8\""].contains(&parameter[7..].trim_start_matches(SPACE))
    });
    let plain = encoding.is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
    let head = Head {
        content_type: Some(header.to_owned()),
        content_encoding: encoding.map(str::to_owned),
        ..Head::default()
    };
    let parsed = body::parse(&head, BODY).map_err(refusal);
    match essence {
        FORM | JSON if utf8 && plain => assert_eq!(parsed, attributes(essence, BODY).map_err(refusal)),
        _ => assert_eq!(parsed, Err(Code::MediaTypeUnsupported)),
    }
    assert!(body::parse(&head, b"").is_ok(), "an empty body has no type");
}

/// `CF-Connecting-IP`: an IPv6 address is counted by its /64, everything else by its text.
pub fn address(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let network = limits::network(text);
    let Ok(address) = text.parse::<Ipv6Addr>() else { return assert_eq!(network, text) };
    assert_eq!(limits::network(&address.to_string()), network, "the same address in its usual form");
    let first: Result<Ipv6Addr, AddrParseError> = format!("{network}::").parse();
    assert_eq!(first, Ok(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)), "{network} is the /64");
}

/// `Access-Control-Request-Headers`. Each name that it asks for is allowed once, if it is a name, and nothing else is
/// but what the API reads.
pub fn preflight(input: &[u8]) {
    let Ok(asked) = str::from_utf8(input) else { return };
    let allowed = |asked| {
        let response = cors::preflight(asked);
        check_headers(&response.headers);
        let (_, names) = response.headers.into_iter().find(|(name, _)| *name == "access-control-allow-headers")?;
        Some(names.split(", ").map(str::to_ascii_lowercase).collect::<Vec<_>>())
    };
    let own = allowed(None).expect("there is a list");
    let all = allowed(Some(asked)).expect("there is a list");
    let (first, more) = all.split_at(own.len());
    assert_eq!(first, own);
    let names: Vec<_> = asked.split(',').map(|name| name.trim_matches(SPACE).to_ascii_lowercase()).take(64).collect();
    for (index, name) in more.iter().enumerate() {
        assert!(names.contains(name), "{name} is not asked for");
        assert!(!own.contains(name) && !more[..index].contains(name), "{name} is there twice");
        assert!((1..=64).contains(&name.len()) && name != "cookie" && !name.starts_with("sec-"), "{name}");
    }
    for name in names.iter().filter(|name| name.starts_with("x-a") && name.len() <= 64) {
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        assert_eq!(all.contains(name), is_name, "{name}");
    }
}
