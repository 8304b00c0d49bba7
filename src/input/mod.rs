//! What a request says, parsed: a type that exists has been checked. Knows no resource.

pub mod attributes;
pub mod body;
pub mod values;
