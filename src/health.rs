//! The health check: whether the database answers, and which version of the service this is.

use crate::{
    http::{error::Error, response::Response},
    query::{Query, Statement},
    request::Request,
};

/// Reads nothing that is stored.
const HEALTH: &str = "\
SELECT NULL AS account
WHERE ?1 = '' AND ?2 = 0";

/// `GET /health`
pub fn health(_: Request) -> Result<Query, Error> {
    Ok(Query::read(Statement::new(HEALTH, []), |_| {
        let version = env!("CARGO_PKG_VERSION");
        Ok(Response::json(200, [r#"{"status":"ok","version":""#, version, "\"}"].concat()))
    }))
}
