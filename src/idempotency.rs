//! Retries: the `Idempotency-Key` header, and a write that happens once however often its request arrives.
//!
//! The key, the request's fingerprint and the answer are stored in the transaction of the write itself: either all of
//! it is there or none. So a request that failed (5xx) is never stored, and of simultaneous requests with one key the
//! database lets one write.

use base16ct::lower::encode_string as hexadecimal;
use sha2::{Digest, Sha256};

use crate::{
    auth::token::TokenHash,
    http::{
        SPACE,
        error::{Code, Error},
        response::Response,
    },
    id::Id,
    query::{Parameter, Query, Render, Rows, Statement, answer, as_caller},
    removal::visible,
};

/// Tells a retry of a request from another request: 1 to 255 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The name of the header.
    pub const HEADER: &str = "Idempotency-Key";

    /// Reads the header, bare or as a quoted string (RFC 8941, section 3.3.3): `a` and `"a"` are the same key.
    pub fn parse(value: &str) -> Result<Self, Error> {
        let invalid =
            || Error::invalid(Self::HEADER, "1 to 255 printable ASCII characters, with or without double quotes");
        let value = value.trim_matches(SPACE);
        let key = match value.strip_prefix('"') {
            None => value.to_owned(),
            Some(rest) => unquoted(rest).ok_or_else(invalid)?,
        };
        let printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if printable && (1..=255).contains(&key.len()) { Ok(Self(key)) } else { Err(invalid()) }
    }
}

/// The content of a quoted string after its opening quote. None unless the closing one ends it.
fn unquoted(rest: &str) -> Option<String> {
    let mut key = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(key),
            '\\' => key.push(characters.next().filter(|next| matches!(next, '"' | '\\'))?),
            character => key.push(character),
        }
    }
}

/// What a request that creates something is known by.
#[derive(Debug)]
pub struct Identity {
    /// Its own id, whose random part the id of the object that it creates ends with.
    pub request_id: Id,
    /// Its key, if it was sent with one, and the fingerprint of its content.
    pub key: Option<(Key, String)>,
}

impl Identity {
    /// The fingerprint of a request's content: SHA-256 in hexadecimal.
    pub fn fingerprint(method: &str, path: &str, body: &[u8]) -> String {
        let mut hash = Sha256::new();
        for part in [method.as_bytes(), b" ", path.as_bytes(), b"\n", body] {
            hash.update(part);
        }
        hexadecimal(&hash.finalize())
    }

    /// The same identity, but only for this token: a retry with another token is another request.
    pub fn of(self, token: &TokenHash) -> Self {
        let of_token = |fingerprint: String| hexadecimal(&Sha256::digest([&fingerprint, " ", token.as_str()].concat()));
        Self { key: self.key.map(|(key, fingerprint)| (key, of_token(fingerprint))), ..self }
    }

    /// A statement of a creation: `?3` the key and `?4` the fingerprint, both null without a key, `?5` the request's
    /// id. Its own parameters come after those, from `?6` on. One that writes does so only [`unless_replayed!`].
    pub fn statement(&self, sql: &'static str, parameters: impl Into<Vec<Parameter>>) -> Statement {
        let (key, fingerprint) = match &self.key {
            Some((Key(key), fingerprint)) => (Parameter::from(key.as_str()), Parameter::from(fingerprint.as_str())),
            None => (Parameter::Null, Parameter::Null),
        };
        let mut all = vec![key, fingerprint, self.request_id.as_str().into()];
        all.append(&mut parameters.into());
        Statement::new(sql, all)
    }
}

/// The condition of a creation's writes: the request's key is new. `$account` is the account's id in the statement.
macro_rules! unless_replayed {
    ($account:literal) => {
        concat!(
            "NOT EXISTS (
    SELECT 1 FROM idempotency_keys AS keys -- PRIMARY KEY (account_id, key)
    WHERE keys.account_id = ",
            $account,
            " AND keys.key = +?3
  )"
        )
    };
}
pub(crate) use unless_replayed;

/// Removes the request's key (`?3`) if it has expired; the sweep removes the others. It runs first: to the statements
/// after it a key that exists is one that counts.
const REMOVE_EXPIRED: &str = as_caller!(
    "
DELETE FROM idempotency_keys -- PRIMARY KEY (account_id, key)
WHERE account_id = (SELECT account_id FROM caller) AND key = ?3 AND expires_at <= unixepoch()"
);

/// Stores the key for a day with what the answering statement finds, which is put in front, unless it is stored. An
/// object of more than 2048 bytes, which only a message has, is not stored a second time.
const REMEMBER: &str = "
INSERT INTO idempotency_keys
  (account_id, key, fingerprint, request_id, outcome, position, tag, object, expires_at)
SELECT
  account, ?3, ?4, ?5, outcome, position, tag, iif(octet_length(object) <= 2048, object, NULL), unixepoch() + 86400
FROM answer
WHERE account > 0
ON CONFLICT (account_id, key) DO NOTHING -- PRIMARY KEY (account_id, key)";

/// What is stored under the key, and whether this very request stored it. A message that was not stored a second time
/// is shown as it is now or, when it is gone, by its id alone.
const RECALL: &str = answer!(
    after "(
    SELECT request_id FROM idempotency_keys AS keys -- PRIMARY KEY (account_id, key)
    WHERE keys.account_id = tokens.account_id AND keys.key = +?3
  ) = +?5",
    "caller.scopes, caller.is_watched,
  CASE
    WHEN keys.fingerprint <> ?4 THEN 'reused'
    WHEN keys.request_id = +?5 THEN 'first'
    ELSE 'replayed'
  END AS replay,
  keys.outcome,
  keys.position,
  coalesce(large.tag, keys.tag) AS tag,
  CASE
    WHEN keys.position IS NOT NULL THEN coalesce(keys.object, large.object, json_object('id', keys.position))
  END AS object",
    concat!(
        "LEFT JOIN idempotency_keys AS keys -- PRIMARY KEY (account_id, key)
  ON keys.account_id = caller.account_id AND keys.key = +?3
LEFT JOIN messages AS large INDEXED BY messages_by_id
  ON keys.object IS NULL AND large.account_id = keys.account_id AND large.id = keys.position AND ",
        visible!("large")
    )
);

/// A creation: `writes`, which do nothing when the key is stored already, then `answer`. With a key, the response is
/// that of the first request with it. `afterwards` runs last of all.
pub fn create(
    identity: &Identity,
    writes: impl Into<Vec<Statement>>,
    answer: Statement,
    afterwards: Option<Statement>,
    render: impl FnOnce(Rows) -> Result<Response, Error> + 'static,
) -> Query {
    match &identity.key {
        None => {
            let mut statements = writes.into();
            statements.push(answer);
            statements.extend(afterwards);
            Query::write(statements, render)
        }
        Some((key, _)) => create_once(identity, key, writes.into(), answer, afterwards, Box::new(render)),
    }
}

/// A creation with a key. It is compiled once, not for each kind of creation.
fn create_once(
    identity: &Identity,
    Key(key): &Key,
    writes: Vec<Statement>,
    answer: Statement,
    afterwards: Option<Statement>,
    render: Render,
) -> Query {
    let mut statements = vec![Statement::new(REMOVE_EXPIRED, [key.as_str().into()])];
    statements.extend(writes);
    let remember = ["WITH answer AS (\n", &answer.sql, "\n)", REMEMBER].concat();
    statements.push(Statement::new(remember, answer.parameters));
    statements.push(identity.statement(RECALL, []));
    statements.extend(afterwards);
    Query { repeatable: true, ..Query::write(statements, |rows| recall(rows, render)) }
}

/// The response to what [`RECALL`] found.
fn recall(rows: Rows, render: Render) -> Result<Response, Error> {
    const REPLAYED: (&str, &str) = ("idempotent-replayed", "true");
    match rows.replay.as_deref() {
        Some("first") => render(rows),
        Some("replayed") => match render(rows) {
            Ok(response) => Ok(response.with(REPLAYED.0, REPLAYED.1)),
            Err(error) => Err(error.with_header(REPLAYED.0, REPLAYED.1)),
        },
        Some(_) => Err(Error::for_param(
            Code::IdempotencyKeyReused,
            Key::HEADER,
            "This Idempotency-Key was used for a different request in the last 24 hours. Use a new key for a new \
             request. A retry must have the same path and body.",
        )),
        None => Err(Error::internal("the key that this request stored is not there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &str) -> Option<String> {
        Key::parse(value).ok().map(|Key(key)| key)
    }

    #[test]
    fn a_key_is_bare_or_a_quoted_string() {
        for value in ["a-1", r#""a-1""#, " a-1 "] {
            assert_eq!(key(value).as_deref(), Some("a-1"), "{value}");
        }
        assert_eq!(key(r#""a \"b\" \\c""#).as_deref(), Some(r#"a "b" \c"#));
        assert_eq!(key("a b, c").as_deref(), Some("a b, c"));
    }

    #[test]
    fn a_key_has_1_to_255_printable_characters() {
        assert!(key(&"~".repeat(255)).is_some());
        for bad in ["", "  ", r#""""#, r#""a"#, r#""a"b"#, r#""a\b""#, r#"""#, "a\tb", "é", &"a".repeat(256)] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_fingerprint_is_of_method_path_and_body() {
        let one = Identity::fingerprint("POST", "/v1/messages", b"a=1");
        assert_eq!(one.len(), 64);
        assert_eq!(one, Identity::fingerprint("POST", "/v1/messages", b"a=1"));
        for other in [
            Identity::fingerprint("POST", "/v1/messages", b"a=2"),
            Identity::fingerprint("POST", "/v1/conversations", b"a=1"),
        ] {
            assert_ne!(one, other);
        }
    }
}
