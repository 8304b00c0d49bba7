//! What a request about tokens may say.

use crate::{
    auth::scopes::Scopes,
    input::{
        attributes::{Field, input},
        values::{GracePeriod, Name, Timestamp},
    },
};

/// The attributes of the object. Those that an endpoint doesn't take are read-only there.
const FIELDS: &[&str] = &["id", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at", "token"];

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
