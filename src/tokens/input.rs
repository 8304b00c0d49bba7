//! What a request about tokens may say.

use crate::{
    auth::scopes::Scopes,
    input::{
        attributes::{Attribute, Field, Value, input},
        values::{Name, Timestamp},
    },
    paging::{Cursor, Limit},
};

/// The attributes of the object. Those that an endpoint doesn't take are read-only there.
const FIELDS: &[&str] = &["id", "name", "scopes", "created_at", "expires_at", "revoked_at", "token"];

input! {
    /// `GET /v1/tokens`
    pub struct List {
        /// At most so many.
        pub limit: Option<Limit>,
        /// The page after this position.
        pub starting_after: Option<Cursor>,
        /// The page before it.
        pub ending_before: Option<Cursor>,
    }
}

input! {
    /// `POST /v1/tokens`
    pub struct Create beside FIELDS {
        /// What it is called.
        pub name: Name,
        /// What it may do.
        pub scopes: Scopes,
        /// When it ends, if ever.
        pub expires_at: Field<Timestamp>,
    }
}

input! {
    /// `POST /v1/tokens/:id/rotate`
    pub struct Rotate {
        /// How long the rotated token stays valid.
        pub grace_period: Option<GracePeriod>,
    }
}

/// Seconds that a rotated token stays valid: an hour by default, a day at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracePeriod(i64);

impl GracePeriod {
    /// The seconds.
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl Default for GracePeriod {
    fn default() -> Self {
        Self(3600)
    }
}

impl Attribute for GracePeriod {
    const EXPECTED: &str = "a whole number from 0 to 86400, in seconds";

    fn parse(value: &Value) -> Option<Self> {
        value.as_integer().filter(|seconds| (0..=86400).contains(seconds)).map(Self)
    }
}
