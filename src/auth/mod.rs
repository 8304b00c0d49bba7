//! Who is calling: the token of a request, and what it may do. Whether the token is known and valid, the database
//! decides in the same call as the data (`query.rs`).

pub mod caller;
pub mod scopes;
pub mod token;
