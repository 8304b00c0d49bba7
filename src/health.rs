//! The health check: whether each database answers, and which version of the service this is.

use crate::{
    http::{
        error::{Code, Error},
        response::Response,
    },
    query::{Query, Statement},
    request::Request,
};

/// Reads nothing that is stored.
const HEALTH: &str = "\
SELECT NULL AS account
WHERE ?1 = '' AND ?2 = 0";

/// `GET /health`
pub fn health(_: Request) -> Result<Query, Error> {
    let query = Query::read(Statement::new(HEALTH, []), |_| {
        let version = env!("CARGO_PKG_VERSION");
        Ok(Response::json(200, [r#"{"status":"ok","version":""#, version, "\"}"].concat()))
    });
    Ok(Query { is_for_all: true, ..query })
}

/// 503 where there are several databases, and these don't answer.
pub fn unavailable(databases: &str) -> Error {
    let message = [
        "No answer from: ",
        databases,
        ". Requests of accounts in other databases are not affected. Wait the number of seconds in the Retry-After \
         header, then retry.",
    ];
    Error::new(Code::DatabaseUnavailable, message.concat()).with_header("retry-after", "5").with_cause(databases)
}
