//! Retries: the `Idempotency-Key` header, and a write that happens once however often its request arrives. Pure.
//!
//! The key, the request's fingerprint and what was answered are stored in the transaction of the write itself: either
//! all of it is there or none. So nothing that failed (5xx) is ever saved, and of simultaneous requests with one key the
//! database lets one write.

use sha2::{Digest, Sha256};

use crate::{
    auth::{SPACE, TokenHash, hexadecimal},
    call::{Call, Parameter, Statement},
    error::{Code, Error},
    id::Id,
    response::Response,
};

/// Tells a repetition of a request from another request: 1 to 255 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The name of the header.
    pub const HEADER: &str = "Idempotency-Key";

    /// Reads the header, bare or as a quoted string (RFC 8941, section 3.3.3): `a` and `"a"` are the same key.
    pub fn parse(value: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid(Self::HEADER, "1 to 255 printable ASCII characters, bare or in double quotes");
        let value = value.trim_matches(SPACE);
        let key = match value.strip_prefix('"') {
            None => value.to_owned(),
            Some(rest) => unquoted(rest).ok_or_else(wrong)?,
        };
        let printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if printable && (1..=255).contains(&key.len()) { Ok(Self(key)) } else { Err(wrong()) }
    }
}

/// The content of a quoted string after its opening quote; None unless the closing one ends it.
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
    /// Its own id, which the object that it creates gets too.
    pub request_id: Id,
    /// Its key, if it was sent with one, and the fingerprint of its content.
    pub key: Option<(Key, String)>,
}

impl Identity {
    /// The fingerprint of a request's content, in hexadecimal.
    pub fn fingerprint(method: &str, path: &str, body: &[u8]) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{method} {path}\n"));
        hash.update(body);
        hexadecimal(&hash.finalize())
    }

    /// The same, but a repetition with another token is another request: its answer is only for this one.
    pub fn of(self, token: &TokenHash) -> Self {
        let of_token = |fingerprint: String| hexadecimal(&Sha256::digest(format!("{fingerprint} {}", token.as_str())));
        Self { key: self.key.map(|(key, fingerprint)| (key, of_token(fingerprint))), ..self }
    }

    /// `?4` the key, `?5` the fingerprint, both null where there is no key; `?6` the request's id.
    fn parameters(&self) -> [Parameter; 3] {
        let (key, fingerprint) = match &self.key {
            Some((Key(key), fingerprint)) => (Parameter::Text(key.clone()), Parameter::Text(fingerprint.clone())),
            None => (Parameter::Null, Parameter::Null),
        };
        [key, fingerprint, Parameter::Text(self.request_id.to_string())]
    }

    /// A statement of a creation: its own parameters come after those of the identity, from `?7` on. One that writes
    /// does so `AND NOT EXISTS` the key.
    pub fn statement(&self, sql: &'static str, parameters: impl IntoIterator<Item = Parameter>) -> Statement {
        Statement::new(sql, self.parameters().into_iter().chain(parameters).collect::<Vec<_>>())
    }
}

/// Remembers the key for a day with what `{ANSWER}` finds. One that has expired gives way.
const REMEMBER: &str = "\
INSERT INTO idempotency_keys (account_id, key, fingerprint, request_id, answer, expires_at)
SELECT caller.account_id, ?4, ?5, ?6, answered.answer, ?2 + 86400
FROM tokens AS caller
CROSS JOIN (
{ANSWER}
) AS answered
WHERE caller.hash = +?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
ON CONFLICT (account_id, key) DO UPDATE SET
  fingerprint = excluded.fingerprint,
  request_id = excluded.request_id,
  answer = excluded.answer,
  expires_at = excluded.expires_at
WHERE idempotency_keys.expires_at <= ?2";

/// Forgets two keys that have expired, whoever's they are. Each request with a key adds one: so the table holds the
/// keys of a day, and never more of older ones than there were at once.
const FORGET: &str = "\
DELETE FROM idempotency_keys -- PRIMARY KEY (account_id, key)
WHERE (account_id, key) IN (
    SELECT account_id, key FROM idempotency_keys INDEXED BY idempotency_keys_by_expiry
    WHERE expires_at <= ?2
    ORDER BY expires_at LIMIT 2
  )
  AND EXISTS (
    SELECT 1 FROM tokens AS caller
    WHERE caller.hash = +?1 AND caller.valid_until > ?2 AND caller.scopes & ?3
  )";

/// What is remembered of the key: whose answer it is, and after a line break the answer.
const RECALL: &str = "\
SELECT
  caller.account_id AS account,
  caller.scopes & ?3 AS allowed,
  (
    SELECT
      CASE WHEN fingerprint <> ?5 THEN 'reused' WHEN request_id = ?6 THEN 'first' ELSE 'replayed' END
        || coalesce(char(10) || answer, '')
    FROM idempotency_keys -- PRIMARY KEY (account_id, key)
    WHERE account_id = caller.account_id AND key = ?4
  ) AS answer
FROM tokens AS caller
WHERE caller.hash = ?1 AND caller.valid_until > ?2";

/// A creation: `writes`, which do nothing when there is the key already, then `answer`. With a key, the answer is that
/// of the first request with it. `afterwards` runs last of all.
pub fn create(
    identity: &Identity,
    writes: impl IntoIterator<Item = Statement>,
    answer: Statement,
    afterwards: Option<Statement>,
    render: impl FnOnce(Option<String>) -> Result<Response, Error> + 'static,
) -> Call {
    let keyed = identity.key.is_some();
    let mut statements: Vec<Statement> = writes.into_iter().collect();
    if keyed {
        statements.push(Statement::filled(REMEMBER, &[("{ANSWER}", answer.sql)], answer.parameters));
        statements.push(Statement::new(FORGET, []));
        statements.push(identity.statement(RECALL, []));
    } else {
        statements.push(answer);
    }
    let answer = statements.len() - 1;
    statements.extend(afterwards);
    let render = move |answer| if keyed { recall(answer, render) } else { render(answer) };
    Call { statements, answer, page: false, repeatable: keyed, render: Box::new(render) }
}

/// The response to what [`RECALL`] found.
fn recall(
    found: Option<String>,
    render: impl FnOnce(Option<String>) -> Result<Response, Error>,
) -> Result<Response, Error> {
    let found = found.ok_or_else(|| Error::internal("a key that was just remembered is not there"))?;
    let (whose, answer) = match found.split_once('\n') {
        Some((whose, answer)) => (whose, Some(answer.to_owned())),
        None => (found.as_str(), None),
    };
    match whose {
        "first" => render(answer),
        "replayed" => {
            const REPLAYED: (&str, &str) = ("idempotent-replayed", "true");
            match render(answer) {
                Ok(response) => Ok(response.with(REPLAYED.0, REPLAYED.1)),
                Err(error) => Err(error.with_header(REPLAYED.0, REPLAYED.1)),
            }
        }
        _ => Err(Error::of(
            Code::IdempotencyKeyReused,
            Key::HEADER,
            "This Idempotency-Key came with another request in the last 24 hours. Use a new key for a new request; \
             repeat a request with its path and body unchanged.",
        )),
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
