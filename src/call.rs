//! The one call to D1 that a request makes: statements, and what becomes of their answer. Pure.
//!
//! Every statement has the caller in its first three parameters and does nothing unless the token is good:
//! `?1` the token's hash, `?2` the time in seconds, `?3` the bit of the scope that is needed. One of the statements
//! answers: a single row of `account` (whose the token is), `allowed` (whether it has the scope) and `answer` (text, or
//! null for nothing there), and no row at all for a token that opens nothing.
//!
//! In a statement with an ORDER BY or a JOIN (what answers a creation ends up in one) a parameter after `=`, `IS` or
//! `LIMIT` is written `+?n`. There SQLite looks for its value to plan by, and for that plans the statement anew each time one
//! is bound, which takes longer than running it. A unary plus changes nothing else.

use std::{cell::RefCell, collections::BTreeMap};

use crate::{
    auth::{self, Caller},
    conditions::Condition,
    error::Error,
    object::{self, Object},
    response::Response,
};

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
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

thread_local! {
    static FILLED: RefCell<BTreeMap<(usize, Vec<&'static str>), &'static str>> = RefCell::default();
}

/// One SQL statement and its parameters from `?4` on.
#[derive(Debug)]
pub struct Statement {
    /// The whole statement. Static, so that it crosses to D1's side once an isolate and not with every request.
    pub sql: &'static str,
    /// `?4` and after.
    pub parameters: Vec<Parameter>,
}

impl Statement {
    /// A statement with its parameters from `?4` on.
    pub fn new(sql: &'static str, parameters: impl Into<Vec<Parameter>>) -> Self {
        Self { sql, parameters: parameters.into() }
    }

    /// A template with its blanks filled. Templates and what fills them are static, so there are few of these: each is
    /// made once and kept for as long as the isolate lives.
    pub fn filled(template: &'static str, blanks: &[(&str, &'static str)], parameters: Vec<Parameter>) -> Self {
        let key = (template.as_ptr().addr(), blanks.iter().map(|(_, text)| *text).collect());
        let sql = FILLED.with_borrow_mut(|filled| {
            *filled.entry(key).or_insert_with(|| {
                blanks.iter().fold(template.to_owned(), |sql, (blank, text)| sql.replace(blank, text)).leak()
            })
        });
        Self { sql, parameters }
    }
}

/// What the answering statement found for this caller.
#[derive(Debug)]
pub enum Answer {
    /// The token opens nothing.
    UnknownToken,
    /// The token lacks the scope.
    Forbidden,
    /// The text of the answer; None when there is nothing.
    Found(Option<String>),
}

impl Answer {
    /// The answer's text, or the 401 or 403 that this caller gets.
    pub fn authorized(self, caller: &Caller) -> Result<Option<String>, Error> {
        match self {
            Self::UnknownToken => Err(auth::token_invalid()),
            Self::Forbidden => Err(auth::scope_insufficient(caller.scope)),
            Self::Found(answer) => Ok(answer),
        }
    }
}

type Render = Box<dyn FnOnce(Option<String>) -> Result<Response, Error>>;

/// The statements of a request, run in order as one transaction, and how their answer becomes a response.
pub struct Call {
    /// In the order in which they run.
    pub statements: Vec<Statement>,
    /// Which of them answers.
    pub answer: usize,
    /// Whether the answer is a page, lines of `position TAB object`, of which only the positions are wanted here. One object
    /// is a page too; its tag takes the position's place.
    pub page: bool,
    /// Whether running it twice is the same as running it once.
    pub repeatable: bool,
    /// Makes the response of the answer's text.
    pub render: Render,
}

impl Call {
    /// Only reads.
    pub fn read(answer: Statement, render: impl FnOnce(Option<String>) -> Result<Response, Error> + 'static) -> Self {
        Self { statements: vec![answer], answer: 0, page: false, repeatable: true, render: Box::new(render) }
    }

    /// Reads a page. `render` gets its positions, a line each.
    pub fn page(answer: Statement, render: impl FnOnce(Option<String>) -> Result<Response, Error> + 'static) -> Self {
        Self { page: true, ..Self::read(answer, render) }
    }

    /// Writes, then answers with what is there afterwards.
    pub fn write(
        write: Statement,
        answer: Statement,
        render: impl FnOnce(Option<String>) -> Result<Response, Error> + 'static,
    ) -> Self {
        let statements = vec![write, answer];
        Self { statements, answer: 1, page: false, repeatable: false, render: Box::new(render) }
    }

    /// Answers with what is there, unless the caller has it already.
    pub fn show(answer: Statement, condition: Condition, missing: fn() -> Error) -> Self {
        Self::page(answer, move |tag| Ok(object::shown(&tag.ok_or_else(missing)?, &condition)))
    }

    /// Changes nothing, answers with what is there, if it is what the caller has in mind.
    pub fn unchanged(answer: Statement, condition: Condition, missing: fn() -> Error) -> Self {
        Self::read(answer, move |found| {
            let object = Object::read(&found.ok_or_else(missing)?);
            let meant = condition == Condition::None || condition.holds_for(&object.tag);
            if meant { Ok(object.response(200)) } else { Err(object.outdated()) }
        })
    }

    /// Sees what is there, then deletes it. The answer is `deleted` or `outdated`, TAB, tag, TAB.
    pub fn delete(answer: Statement, delete: Statement, missing: fn() -> Error) -> Self {
        let render = move |found: Option<String>| {
            let found = found.ok_or_else(missing)?;
            match Object::read_with_outcome(&found) {
                ("deleted", _) => Ok(Response::no_content()),
                (_, object) => Err(object.outdated()),
            }
        };
        Self { statements: vec![answer, delete], answer: 0, page: false, repeatable: false, render: Box::new(render) }
    }

    /// Whether D1 answers, and which version this is. It asks for nothing that is stored and for no token.
    pub fn health() -> Self {
        const HEALTH: &str = "\
SELECT 0 AS account, 1 AS allowed, 'ok' AS answer
WHERE ?1 = '' AND ?2 > 0 AND ?3 IS NOT NULL";
        Self::read(Statement::new(HEALTH, []), |_| {
            let version = env!("CARGO_PKG_VERSION");
            Ok(Response::json(200, format!(r#"{{"status":"ok","version":"{version}"}}"#)))
        })
    }

    /// Does nothing but see whether the caller may be told what is wrong.
    pub fn refusal(error: Error) -> Self {
        const AUTHORIZE: &str = "\
SELECT caller.account_id AS account, caller.scopes & ?3 AS allowed, NULL AS answer
FROM tokens AS caller -- PRIMARY KEY (hash)
WHERE caller.hash = ?1 AND caller.valid_until > ?2";
        Self::read(Statement::new(AUTHORIZE, []), |_| Err(error))
    }
}
