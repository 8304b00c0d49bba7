//! HTTP as this API speaks it: heads, responses, errors, conditions. Knows no resource and no database.

pub mod conditions;
pub mod cors;
pub mod error;
pub mod head;
pub mod log;
pub mod response;

/// The white space of HTTP (RFC 9110, section 5.6.3).
pub const SPACE: [char; 2] = [' ', '\t'];
