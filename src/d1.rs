//! The only file that knows D1: sends a statement list as one call and maps D1's failures.

use worker::{
    js_sys::{Array, Error as JsError, JsString, Reflect},
    wasm_bindgen::{JsCast, JsValue},
    wasm_bindgen_futures::JsFuture,
    worker_sys::types::D1Database,
};

use crate::{
    auth::Caller,
    call::{Answer, Parameter, Statement},
    error::{Code, Error},
};

/// What a call took of D1, by D1's own account.
#[derive(Debug, Default)]
pub struct Cost {
    /// Milliseconds that the statements ran.
    pub duration: f64,
    /// Rows that they read.
    pub rows_read: f64,
    /// Rows that they wrote, index entries included.
    pub rows_written: f64,
}

impl Cost {
    /// The `Server-Timing` header (W3C Server Timing): how long D1 took in milliseconds, and the rows it counted.
    pub fn server_timing(&self) -> String {
        let microseconds = (self.duration * 1000.0) as u64;
        let (whole, thousandths) = (microseconds / 1000, microseconds % 1000);
        let (read, written) = (self.rows_read as u64, self.rows_written as u64);
        format!(r#"d1;dur={whole}.{thousandths:03};desc="{read} rows read, {written} written""#)
    }
}

/// Runs the statements in one round trip and one transaction, as the caller, and reads the answer of one of them.
/// `now` is in milliseconds since the Unix epoch.
pub async fn send(
    database: &D1Database,
    caller: &Caller,
    statements: &[Statement],
    answer: usize,
    now: u64,
) -> Result<(Answer, Cost), Error> {
    let caller = [
        JsValue::from_str(caller.token.as_str()),
        JsValue::from_f64((now / 1000) as f64),
        JsValue::from_f64(caller.scope.bit() as f64),
    ];
    let bound = Array::new();
    for statement in statements {
        let parameters: Array = caller.iter().cloned().chain(statement.parameters.iter().map(to_js)).collect();
        let prepared =
            database.prepare(&statement.sql).and_then(|prepared| prepared.bind(parameters)).map_err(failure)?;
        bound.push(&prepared);
    }
    let sent = database.batch(bound).map_err(failure)?;
    let results: Array = JsFuture::from(sent).await.map_err(failure)?.unchecked_into();
    let mut cost = Cost::default();
    for result in results.iter() {
        let meta = get(&result, "meta")?;
        cost.duration += number(&meta, "duration")?;
        cost.rows_read += number(&meta, "rows_read")?;
        cost.rows_written += number(&meta, "rows_written")?;
    }
    let rows: Array = get(&results.get(answer as u32), "results")?.unchecked_into();
    let row = rows.get(0);
    let answer = if row.is_undefined() {
        Answer::UnknownToken
    } else if number(&row, "allowed")? == 0.0 {
        Answer::Forbidden
    } else {
        Answer::Found(get(&row, "answer")?.as_string())
    };
    Ok((answer, cost))
}

fn get(object: &JsValue, name: &str) -> Result<JsValue, Error> {
    Reflect::get(object, &JsString::from(name)).map_err(failure)
}

fn number(object: &JsValue, name: &str) -> Result<f64, Error> {
    Ok(get(object, name)?.as_f64().unwrap_or_default())
}

fn to_js(parameter: &Parameter) -> JsValue {
    match parameter {
        Parameter::Null => JsValue::NULL,
        Parameter::Integer(number) => JsValue::from_f64(*number as f64),
        Parameter::Text(text) => JsValue::from_str(text),
    }
}

/// Everything that D1 refuses at run time is a fault of the connection or the service: input was checked before.
fn failure(error: JsValue) -> Error {
    let cause = error.dyn_into::<JsError>().map_or_else(|_| "unknown".to_owned(), |error| error.message().into());
    Error::new(Code::DatabaseUnavailable, "The database did not answer. Try again shortly.")
        .with_header("retry-after", "1")
        .with_cause(cause)
}
