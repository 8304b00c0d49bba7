//! What a request asks of the database: statements, run in one round trip and one transaction, and how the rows that
//! they find become a response.
//!
//! Every statement begins with the caller ([`as_caller!`]), in its first two parameters: `?1` the token's hash, `?2`
//! the bit of the scope that the endpoint needs. So with a bad token every statement does nothing.
//!
//! The first statement that finds rows answers. Its columns are those of [`Rows`]:
//! - `account`: the account's id, negative when the token lacks the scope. No row at all, or NULL: the token is not
//!   valid.
//! - `token`: the token's id, for the log, and the day if it was not used on it before (last_use.rs).
//! - `scopes`: the bits of the token's scopes, where the object may be one that the caller may not read.
//! - `is_watched`: of a write, whether the account's changes are watched live.
//! - `outcome`, `replay`, `tag`: of the first row. What became of the request, of its key, and the object's entity tag.
//! - `position`, `object`: of each row. The object's place in its list, and its JSON, which stays outside the wasm.
//! - `resume`: of the last row. Where the search for more rows goes on, in a call of its own.
//! - `stopped`: of the last row. Where the search has ended before it had looked at everything. If the page is not
//!   full,
//!   it ends there, and another request goes on behind this position.
//! - `beside`: of the first row. What the response has beside its objects, in JSON: how many objects a list has, or the
//!   ids of those that are missing.
//!
//! In a statement with an ORDER BY or a JOIN a parameter after `=`, `IS` or `LIMIT` is written `+?n`. SQLite plans by
//! the values of plain ones, so it would plan anew for every value, which takes longer than running the statement.

use std::borrow::Cow;

use serde::Serialize;

use crate::{
    auth::{
        caller::{Caller, scope_insufficient, token_invalid},
        scopes::{Scope, Scopes},
    },
    http::{
        conditions::{Condition, precondition_failed},
        error::{Code, Error},
        response::Response,
    },
    moved,
    shard::Shard,
};

/// A statement as the caller: `caller.account_id` is the caller's account, negated when the token lacks the scope, and
/// 0 when the account is held or has moved (moved.rs), so that it matches no row.
///
/// A statement that follows a write begins with `after` and an expression that tells whether that write is there. Then
/// the token was valid, even if it has expired between the two statements (`clock.rs`).
macro_rules! as_caller {
    ($sql:expr) => {
        $crate::query::as_caller!(valid "valid_until > unixepoch()", $sql)
    };
    (after $written:expr, $sql:expr) => {
        $crate::query::as_caller!(valid concat!("(valid_until > unixepoch() OR ", $written, ")"), $sql)
    };
    (valid $valid:expr, $sql:expr) => {
        concat!(
            "\
WITH RECURSIVE caller AS (
  SELECT iif(scopes & ?2, account_id, iif(scopes = ", $crate::moved::moved!(), ", 0, -account_id)) AS account_id,
    ", $crate::last_use::token!(), " AS token, scopes, valid_until, is_full, is_watched
  FROM tokens -- PRIMARY KEY (hash)
  WHERE hash = +?1 AND ",
            $valid,
            "
)",
            $sql
        )
    };
}
pub(crate) use as_caller;

/// A statement that answers: one row for a valid token even when it finds nothing, then with NULL in all other columns.
macro_rules! answer {
    (after $written:expr, $columns:expr, $found:expr) => {
        $crate::query::as_caller!(after $written, $crate::query::answer!(row $columns, $found))
    };
    (row $columns:expr, $found:expr) => {
        concat!(
            "
SELECT caller.account_id AS account, caller.token, ",
            $columns,
            "
FROM caller
",
            $found
        )
    };
    ($columns:expr, $found:expr) => {
        $crate::query::as_caller!($crate::query::answer!(row $columns, $found))
    };
}
pub(crate) use answer;

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Parameter {
    /// SQL `NULL`.
    Null,
    /// An integer. D1 binds it as a real number; STRICT columns take it back without loss.
    Integer(i64),
    /// Text.
    Text(String),
}

impl From<i64> for Parameter {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Parameter {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl From<&str> for Parameter {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Parameter {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Parameter {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One SQL statement and its parameters from `?3` on.
#[derive(Clone, Debug, Serialize)]
pub struct Statement {
    /// The whole statement.
    pub sql: Cow<'static, str>,
    /// `?3` and after.
    pub parameters: Vec<Parameter>,
}

impl Statement {
    /// A statement with its parameters from `?3` on.
    pub fn new(sql: impl Into<Cow<'static, str>>, parameters: impl Into<Vec<Parameter>>) -> Self {
        Self { sql: sql.into(), parameters: parameters.into() }
    }
}

/// What the statements found. The objects stay outside the wasm: nothing here looks into them.
#[derive(Debug, Default, PartialEq)]
pub struct Rows {
    /// The account's id, negative when the token lacks the scope. None: the token is not valid.
    pub account: Option<i64>,
    /// What the token may do.
    pub scopes: Scopes,
    /// What became of the request.
    pub outcome: Option<String>,
    /// What became of its `Idempotency-Key`.
    pub replay: Option<String>,
    /// The object's entity tag.
    pub tag: Option<String>,
    /// The position of the first object. None when there is none.
    pub first: Option<String>,
    /// The position of the last object that the response shows.
    pub last: Option<String>,
    /// Whether there are more objects than the response shows.
    pub has_more: bool,
    /// Where the search for more objects goes on.
    pub resume: Option<String>,
    /// What the response has beside its objects, in JSON.
    pub beside: Option<String>,
    /// The database that the account has moved to. Then there is nothing else.
    pub moved_to: Option<Shard>,
}

impl Rows {
    /// Whether the account is held, or has moved.
    pub fn is_elsewhere(&self) -> bool {
        self.account == Some(0)
    }

    /// The rows, or the 401 or 403 that this caller gets.
    pub fn authorize(self, caller: &Caller) -> Result<Self, Error> {
        match (caller.scope, self.account) {
            (None, _) => Ok(self),
            _ if self.moved_to.is_some() => Err(moved::held()),
            (Some(_), None) => Err(token_invalid()),
            (Some(scope), Some(account)) if account < 0 => Err(scope_insufficient(scope)),
            (Some(_), Some(_)) => Ok(self),
        }
    }

    /// The tag of the object, or the error for there being none.
    pub fn tag(&self, missing: fn() -> Error) -> Result<&str, Error> {
        self.tag.as_deref().ok_or_else(missing)
    }

    /// The object that was created, or found in its place, in the collection `path`. Without the scope `read` it is its
    /// id alone (contract, "Bounds and scopes").
    pub fn created(&self, status: u16, path: &str, read: Scope, missing: fn() -> Error) -> Result<Response, Error> {
        if self.outcome.as_deref() == Some(FULL) {
            return Err(quota_exceeded());
        }
        let id = self.first.as_deref().ok_or_else(missing)?;
        let response = match self.scopes.contain(read) {
            true => Response::object(status),
            false => Response::json(status, ["{\"id\":\"", id, "\"}"].concat()),
        };
        Ok(response.with_tag(self.tag(missing)?).with("location", [path, "/", id].concat()))
    }

    /// The object after an update. Without the scope `read` there is none (contract, "Bounds and scopes").
    pub fn updated(&self, read: Scope, missing: fn() -> Error) -> Result<Response, Error> {
        let response = if self.scopes.contain(read) { Response::object(200) } else { Response::no_content() };
        Ok(response.with_tag(self.tag(missing)?))
    }
}

/// The outcome of a creation that would exceed the account's quota.
pub const FULL: &str = "full";

/// 403 for a creation that would exceed the account's quota (contract, "Bounds and scopes").
fn quota_exceeded() -> Error {
    const MESSAGE: &str = "The account has as many conversations, messages or bytes of text as its quota allows. \
                           Delete some, wait a few minutes, then send the request again with a new Idempotency-Key. \
                           The operator can raise the quota.";
    Error::new(Code::QuotaExceeded, MESSAGE)
}

/// How many bytes the objects of a response have at most, unless a single one has more (contract, "Bounds and scopes").
const MAX_BYTES: usize = 1_000_000;

/// Makes a response of what was found.
pub type Render = Box<dyn FnOnce(Rows) -> Result<Response, Error>>;

/// The statements of a request, run in order as one transaction, and how their rows become a response.
pub struct Query {
    /// In the order in which they run.
    pub statements: Vec<Statement>,
    /// How many objects the response shows at most.
    pub limit: usize,
    /// Whether running it twice is the same as running it once.
    pub repeatable: bool,
    /// Whether one call to D1 may serve all who ask the same at the same time. A bell has rung: the primary answers,
    /// since a replica may not have heard of the change yet.
    pub is_shared: bool,
    /// Whether it asks every database, not for rows but whether it answers.
    pub is_for_all: bool,
    /// Makes the response.
    pub render: Render,
    /// How it goes on when it has found all there is. None: it doesn't.
    pub live: Option<Live>,
}

/// A query that goes on.
pub struct Live {
    /// How long.
    pub until: Until,
    /// The query for what comes after these rows.
    pub after: Box<dyn Fn(&Rows) -> Query>,
}

/// How long a query goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until it has found something, or so many seconds have passed.
    Found {
        /// Whole seconds.
        seconds: u64,
    },
    /// As a stream, until the caller leaves.
    Left,
}

impl Query {
    /// Only reads.
    pub fn read(answer: Statement, render: impl FnOnce(Rows) -> Result<Response, Error> + 'static) -> Self {
        Self::reads(vec![answer], render)
    }

    fn reads(statements: Vec<Statement>, render: impl FnOnce(Rows) -> Result<Response, Error> + 'static) -> Self {
        Self {
            statements,
            limit: 1,
            repeatable: true,
            is_shared: false,
            is_for_all: false,
            render: Box::new(render),
            live: None,
        }
    }

    /// The same query, whose response nothing may store (contract, "Bounds and scopes").
    pub fn private(self) -> Self {
        let render = self.render;
        Self { render: Box::new(move |rows| Ok(Response { is_private: true, ..render(rows)? })), ..self }
    }

    /// Writes, and says what is there afterwards.
    pub fn write(
        statements: impl Into<Vec<Statement>>,
        render: impl FnOnce(Rows) -> Result<Response, Error> + 'static,
    ) -> Self {
        Self { repeatable: false, ..Self::reads(statements.into(), render) }
    }

    /// Retrieves an object; 304 for a caller who has its state already.
    pub fn retrieve(answer: Statement, if_none_match: Condition, missing: fn() -> Error) -> Self {
        Self::read(answer, move |rows| {
            let tag = rows.tag(missing)?;
            let known = if_none_match.holds_for(tag);
            Ok(if known { Response::not_modified() } else { Response::object(200) }.with_tag(tag))
        })
    }

    /// An update that changes nothing: answers with the object, if `If-Match` allows.
    pub fn unchanged(answer: Statement, if_match: Condition, read: Scope, missing: fn() -> Error) -> Self {
        Self::read(answer, move |rows| {
            let tag = rows.tag(missing)?;
            let matches = if_match == Condition::None || if_match.holds_for(tag);
            if matches { rows.updated(read, missing) } else { Err(precondition_failed(tag)) }
        })
    }

    /// Deletes an object. The outcome is `deleted`; of an object that is still there the tag is found.
    pub fn delete(statements: impl Into<Vec<Statement>>, missing: fn() -> Error) -> Self {
        Self::write(statements, move |rows| match rows.outcome.as_deref() {
            Some("deleted") => Ok(Response::no_content()),
            _ => Err(precondition_failed(rows.tag(missing)?)),
        })
    }

    /// The same query from a position on: the second parameter of its statement, after the rows wanted.
    pub fn resume(&mut self, position: String) {
        for parameter in self.statements.iter_mut().filter_map(|statement| statement.parameters.get_mut(1)) {
            *parameter = position.as_str().into();
        }
    }

    /// Only asks whether the token is valid: the caller of a valid one may learn what is wrong with the request.
    pub fn refusal(error: Error) -> Self {
        const AUTHORIZE: &str = as_caller!("\nSELECT caller.account_id AS account, caller.token FROM caller");
        Self::read(Statement::new(AUTHORIZE, []), |_| Err(error))
    }

    /// The statements as JSON, with the first two parameters that all have.
    pub fn to_json(&self, caller: &Caller) -> String {
        let scope = caller.scope.map_or(0, |scope| scope.bit());
        batch_json(&[caller.hash.as_str().into(), scope.into()], &self.statements, self.limit)
    }
}

/// Statements as JSON, with the first parameters that all of them have, and how many objects the response shows.
pub fn batch_json(caller: &[Parameter], statements: &[Statement], limit: usize) -> String {
    #[derive(Serialize)]
    struct Batch<'a> {
        caller: &'a [Parameter],
        statements: &'a [Statement],
        limit: usize,
        max_bytes: usize,
    }
    // Numbers and strings have no way to fail to serialize.
    serde_json::to_string(&Batch { caller, statements, limit, max_bytes: MAX_BYTES }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::scopes::Scope, http::error::Code, http::response::Body};

    fn caller() -> Caller {
        let authorization = Some("Bearer self_0123456789ABCDEFGHIJabcdefghij4Us3aw");
        Caller::authenticate(authorization, Some(Scope::MessagesRead)).unwrap()
    }

    fn refusal(account: Option<i64>) -> Option<Code> {
        Rows { account, ..Rows::default() }.authorize(&caller()).err().map(|error| error.code)
    }

    #[test]
    fn only_a_valid_token_with_the_scope_gets_the_rows() {
        assert_eq!(refusal(Some(7)), None);
        assert_eq!(refusal(Some(-7)), Some(Code::ScopeInsufficient));
        assert_eq!(refusal(None), Some(Code::TokenInvalid));
    }

    #[test]
    fn a_retrieval_without_a_row_is_404_and_of_a_known_state_304() {
        let missing = || Error::resource_missing("thing");
        let retrieve = |tag: Option<&str>, if_none_match: Option<&str>| {
            let condition = Condition::parse("If-None-Match", if_none_match).unwrap();
            let rows = Rows { tag: tag.map(str::to_owned), ..Rows::default() };
            (Query::retrieve(Statement::new("", []), condition, missing).render)(rows)
        };
        assert_eq!(retrieve(None, None).unwrap_err().code, Code::ResourceMissing);
        let response = retrieve(Some("t1"), Some("W/\"t1\"")).unwrap();
        assert_eq!((response.status, response.body), (304, Body::Empty));
        let response = retrieve(Some("t1"), Some("\"t2\"")).unwrap();
        assert_eq!((response.status, response.headers), (200, vec![("etag", "\"t1\"".into())]));
    }

    #[test]
    fn statements_cross_with_the_caller_first() {
        let query =
            Query::read(Statement::new("SELECT ?3, ?4", [7.into(), Parameter::Null]), |_| Ok(Response::no_content()));
        let hash = caller().hash;
        assert_eq!(
            query.to_json(&caller()),
            [
                r#"{"caller":[""#,
                hash.as_str(),
                r#"",4],"statements":[{"sql":"SELECT ?3, ?4","parameters":[7,null]}],"limit":1,"max_bytes":1000000}"#
            ]
            .concat()
        );
    }
}
