//! The only file that knows D1: sends a statement list as one call and maps D1's failures.

use serde::Deserialize;
use worker::{D1Database, wasm_bindgen::JsValue};

use crate::{
    auth::Caller,
    call::{Answer, Parameter, Statement},
    error::{Code, Error},
};

/// Runs the statements in one round trip and one transaction, as the caller, and reads the answer of one of them.
/// `now` is in milliseconds since the Unix epoch.
pub async fn send(
    database: &D1Database,
    caller: &Caller,
    statements: &[Statement],
    answer: usize,
    now: u64,
) -> Result<Answer, Error> {
    let caller = [
        JsValue::from_str(caller.token.as_str()),
        JsValue::from_f64((now / 1000) as f64),
        JsValue::from_f64(caller.scope.bit() as f64),
    ];
    let bound = statements
        .iter()
        .map(|statement| {
            let parameters = statement.parameters.iter().map(to_js);
            database.prepare(&statement.sql).bind(&caller.iter().cloned().chain(parameters).collect::<Vec<_>>())
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(failure)?;
    let results = database.batch(bound).await.map_err(failure)?;
    let row: Option<Row> = match results.get(answer) {
        Some(result) => result.results().map_err(failure)?.into_iter().next(),
        None => return Err(Error::internal("D1 answered with fewer results than statements")),
    };
    Ok(match row {
        None => Answer::UnknownToken,
        Some(row) if row.allowed == 0.0 => Answer::Forbidden,
        Some(row) => Answer::Found(row.answer),
    })
}

/// The one row of an answering statement. SQLite's integers arrive as JavaScript numbers.
#[derive(Deserialize)]
struct Row {
    allowed: f64,
    answer: Option<String>,
}

fn to_js(parameter: &Parameter) -> JsValue {
    match parameter {
        Parameter::Null => JsValue::NULL,
        Parameter::Integer(number) => JsValue::from_f64(*number as f64),
        Parameter::Text(text) => JsValue::from_str(text),
    }
}

/// Everything that D1 refuses at run time is a fault of the connection or the service: input was checked before.
fn failure(error: worker::Error) -> Error {
    let cause = match &error {
        // `D1Error`'s own `Display` panics.
        worker::Error::D1(error) => error.cause(),
        other => other.to_string(),
    };
    Error::new(Code::DatabaseUnavailable, "The database did not answer. Try again shortly.")
        .with_header("retry-after", "1")
        .with_cause(cause)
}
