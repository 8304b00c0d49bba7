//! Whole requests, up to their statements and responses: the same request in another form has the same statements, and
//! nothing that was sent is ignored.

use std::borrow::Cow;

use conversations::{
    auth::{
        caller::Caller,
        scopes::{Scope, Scopes},
    },
    http::{
        error::{Code, Error},
        head::Head,
        response::Body,
    },
    query::{Parameter, Query, Rows, Statement},
};
use serde_json::{Value as Json, json};

use super::{BEARER, FORM, JSON, Kind, Sent, check_headers, json_of, percent_encoded, query, refusal};

/// What a request becomes: its statements with their parameters, or the code of its refusal.
type Outcome = Result<Vec<(Cow<'static, str>, Vec<Parameter>)>, Code>;

/// Three lines, of which the last may have line breaks: `METHOD path?query`, the content type, the body.
pub fn request(input: &[u8]) {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (first, content_type, body) = (next(), next(), next());
    let (Ok(first), Ok(content_type)) = (str::from_utf8(first), str::from_utf8(content_type)) else { return };
    let (method, url) = first.split_once(' ').unwrap_or(("GET", first));
    let sent = Sent { method, url, content_type, body };
    let Some(result) = query(&sent.head(), body) else { return };
    let expected = outcome(result);
    assert_eq!(becomes(sent), expected, "the second time");
    headers_count_for_their_methods(sent, &expected);
    // A retry is recognized by the bytes of its body: they must not mean one thing as a form and another as JSON.
    if !body.is_empty() {
        let accepted = [FORM, JSON].map(|content_type| becomes(Sent { content_type, ..sent }).is_ok());
        assert_ne!(accepted, [true; 2], "a form and JSON at once");
    }
    if expected.is_ok() {
        forms_mean_the_same(sent, &expected);
        nothing_more_is_accepted(sent);
        responses_are_sound(sent, input);
    }
}

fn becomes(sent: Sent<'_>) -> Outcome {
    query(&sent.head(), sent.body).map(outcome).expect("the route is the same")
}

/// The query and the body in other forms become the same.
fn forms_mean_the_same(sent: Sent<'_>, expected: &Outcome) {
    if let Some((path, query)) = sent.url.split_once('?') {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, word)| format!("{}={}", percent_encoded(&name), percent_encoded(&word)))
            .collect();
        let url = format!("{path}?{}", pairs.join("&"));
        assert_eq!(becomes(Sent { url: &url, ..sent }), *expected, "{url}");
    }
    if sent.content_type == JSON
        && let Ok(Json::Object(members)) = serde_json::from_slice(sent.body)
    {
        for (name, value) in members {
            assert!(is_a(kind(&name), &value), "{name} can't be {value}");
        }
    }
    if sent.content_type == FORM {
        let json = json_of_form(sent.body);
        assert_eq!(becomes(Sent { content_type: JSON, body: json.as_bytes(), ..sent }), *expected, "{json}");
    }
}

fn json_of_form(form: &[u8]) -> String {
    let members: Vec<_> = form_urlencoded::parse(form)
        .map(|(name, word)| format!("{}:{}", Json::from(&*name), json_of(&word, kind(&name))))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// One attribute more than an accepted request has: it is unknown, read-only, or sent twice.
fn nothing_more_is_accepted(sent: Sent<'_>) {
    let path = sent.url.split('?').next().unwrap_or_default();
    if path == "/health" {
        return; // It takes no input at all, so that any probe can call it.
    }
    let query = sent.url.get(path.len() + 1..).unwrap_or_default();
    let first_of = |pairs: &[u8]| {
        form_urlencoded::parse(pairs).next().map(|(name, _)| (percent_encoded(&name), Code::ParameterDuplicate))
    };
    let unknown = ("nonsense".to_owned(), Code::ParameterUnknown);
    for (name, code) in [unknown.clone()].into_iter().chain(first_of(query.as_bytes())) {
        let url = format!("{path}?{query}&{name}=1");
        refused(Sent { url: &url, ..sent }, code);
    }

    if sent.content_type != FORM && !sent.body.is_empty() {
        return;
    }
    let describes = !["/rotate", "/ping"].iter().any(|action| path.ends_with(action));
    let writes = ["POST", "PUT", "PATCH"].contains(&sent.method) && describes;
    let read_only = if writes { Code::ParameterImmutable } else { Code::ParameterUnknown };
    for (name, code) in [unknown, ("created_at".to_owned(), read_only)].into_iter().chain(first_of(sent.body)) {
        let form = [sent.body, b"&", name.as_bytes(), b"=1"].concat();
        let json = json_of_form(&form);
        refused(Sent { content_type: FORM, body: &form, ..sent }, code);
        refused(Sent { content_type: JSON, body: json.as_bytes(), ..sent }, code);
    }
}

/// Refused with this code, unless the body is now too large to be parsed.
fn refused(sent: Sent<'_>, code: Code) {
    if let Some(result) = query(&sent.head(), sent.body) {
        assert_eq!(outcome(result), Err(code), "{sent:?}");
    }
}

/// A malformed conditional header is refused with every method, a well-formed one where it does not count. A malformed
/// key or id of an event is refused where it counts, and changes nothing elsewhere.
fn headers_count_for_their_methods(sent: Sent<'_>, expected: &Outcome) {
    let [malformed, tag] = ["\"", "\"tag\""].map(|value| Some(value.to_owned()));
    let is = |methods: &[&str]| methods.contains(&sent.method);
    let mut heads = vec![
        (true, Head { if_match: malformed.clone(), ..sent.head() }),
        (true, Head { if_none_match: malformed.clone(), ..sent.head() }),
        (is(&["POST"]), Head { idempotency_key: malformed.clone(), ..sent.head() }),
    ];
    let accept = Some("text/event-stream".to_owned());
    let is_stream = sent.method == "GET" && sent.reads_events();
    heads.push((is_stream, Head { accept, last_event_id: malformed.clone(), ..sent.head() }));
    heads.push((false, Head { last_event_id: malformed, ..sent.head() }));
    let of_many = sent.url.split('?').next() == Some("/v1/conversations");
    if !is(&["PUT", "PATCH", "DELETE"]) || of_many {
        heads.push((true, Head { if_match: tag.clone(), ..sent.head() }));
    }
    if !is(&["GET", "HEAD"]) {
        heads.push((true, Head { if_none_match: tag, ..sent.head() }));
    }
    for (refused, head) in heads {
        let outcome = query(&head, sent.body).map(outcome).expect("the route is the same");
        if !refused {
            assert_eq!(outcome, *expected);
        } else if expected.is_ok() {
            assert_eq!(outcome, Err(Code::ParameterInvalid));
        } else {
            assert!(outcome.is_err());
        }
    }
}

/// Whatever the database finds, the response is one that the API documents. The input chooses what it finds.
fn responses_are_sound(sent: Sent<'_>, input: &[u8]) {
    const OUTCOMES: [&str; 18] = [
        "full",
        "created",
        "existing",
        "updated",
        "outdated",
        "foreign_pin",
        "deleted",
        "scopes",
        "stronger",
        "expires_at",
        "expired",
        "00000000000000000000000000000000",
        "created V000000000000000",
        "rotated V000000000000000",
        "quota 50",
        "unchanged",
        "pinged",
        "",
    ];
    const REPLAYS: [&str; 4] = ["first", "replayed", "reused", ""];
    let mut seed = input.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let mut choose = |texts: &[&str]| {
        let text = texts[seed % texts.len()];
        seed /= texts.len();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let (outcome, replay) = (choose(&OUTCOMES), choose(&REPLAYS));
    let scopes = if choose(&["reads", ""]).is_some() { Scopes::of_bits(127) } else { Scopes::default() };
    let (tag, first) = (choose(&["V000000000000001", ""]), choose(&["V000000000000001", ""]));
    // A page of events always has a tag.
    let tag = tag.or_else(|| sent.reads_events().then(|| "000000002aAbCdEfG-1-3f".to_owned()));
    for key in [None, Some("k".to_owned())] {
        let head = Head { idempotency_key: key, ..sent.head() };
        let keyed = head.idempotency_key.is_some() && sent.method == "POST";
        let query = query(&head, sent.body).expect("the route is the same").expect("is accepted again");
        let [outcome, replay, tag, first] = [&outcome, &replay, &tag, &first].map(Clone::clone);
        let no_replay = replay.is_none();
        let last = first.clone();
        let rows = Rows { account: Some(1), scopes, outcome, replay, tag, first, last, ..Rows::default() };
        match (query.render)(rows) {
            Ok(response) => {
                assert!([200, 201, 202, 204, 304].contains(&response.status));
                check_headers(&response.headers);
                match response.body {
                    Body::Empty => assert!([204, 304].contains(&response.status)),
                    Body::Json(body) => drop(serde_json::from_str::<Json>(&body).expect("the body is JSON")),
                    Body::Objects(objects) => {
                        // A new secret is added to an object that comes without its closing brace.
                        let object = if objects.after.starts_with(',') { r#"{"id":"a""# } else { r#"{"id":"a"}"# };
                        let body = [&objects.before, object, &objects.after].concat();
                        serde_json::from_str::<Json>(&body).expect("the body is JSON");
                    }
                    Body::File | Body::Stream => panic!("what was found is no file and no stream"),
                }
            }
            // The key is stored in the same transaction, so it is there.
            Err(error) if keyed && no_replay => assert_eq!(error.code, Code::InternalError),
            Err(error) => drop(refusal(error)),
        }
    }
}

/// How JSON writes an attribute.
fn kind(name: &str) -> Kind {
    match name {
        "distinct" | "is_pinned" | "is_muted" => Kind::Bool,
        "archived_at" | "last_opened_at" | "read_at" | "expires_at" | "grace_period" => Kind::Integer,
        "types" => Kind::List,
        "ids" => Kind::Ids,
        _ => Kind::Text,
    }
}

/// Whether a value has this type, or is null: a number is not text, and text is not a number.
fn is_a(kind: Kind, value: &Json) -> bool {
    match kind {
        Kind::Bool => value.is_boolean(),
        Kind::Integer => value.is_i64() || value.is_null(),
        Kind::Text => value.is_string() || value.is_null(),
        Kind::List | Kind::Ids => {
            value.is_null() || value.as_array().is_some_and(|items| items.iter().all(Json::is_string))
        }
    }
}

fn outcome(result: Result<Query, Error>) -> Outcome {
    let query = result.map_err(refusal)?;
    assert!(!query.statements.is_empty(), "a statement answers");
    assert_eq!(query.repeatable, query.statements.len() == 1, "without a key only a read is repeatable");
    crosses_whole(&query);
    // A new token's hash is different every time.
    let random = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let masked = |parameter| match parameter {
        Parameter::Text(text) if random(&text) => Parameter::Text("random".to_owned()),
        other => other,
    };
    let statements = query.statements.into_iter();
    Ok(statements.map(|statement| (statement.sql, statement.parameters.into_iter().map(masked).collect())).collect())
}

/// The JSON that JavaScript gets has every statement, and each statement uses all of its parameters and no others.
fn crosses_whole(query: &Query) {
    let caller = Caller::authenticate(Some(BEARER), Some(Scope::MessagesRead)).expect("is a well-formed token");
    let crossed: Json = serde_json::from_str(&query.to_json(&caller)).expect("statements cross as JSON");
    let json_of = |parameter: &Parameter| match parameter {
        Parameter::Null => Json::Null,
        Parameter::Integer(number) => Json::from(*number),
        Parameter::Text(text) => Json::from(text.as_str()),
    };
    let statement = |Statement { sql, parameters }: &Statement| {
        let used = sql.split('?').skip(1).map(|after| {
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().expect("a parameter has a number")
        });
        assert_eq!(used.max(), Some(2 + parameters.len()), "{sql}");
        json!({ "sql": sql, "parameters": parameters.iter().map(json_of).collect::<Vec<_>>() })
    };
    let expected = json!({
        "caller": [caller.hash.as_str(), Scope::MessagesRead.bit()],
        "statements": query.statements.iter().map(statement).collect::<Vec<_>>(),
        "limit": query.limit,
        "max_bytes": 1_000_000,
    });
    assert_eq!(crossed, expected);
}
