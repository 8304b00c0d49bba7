//! What a request about messages may say.

use crate::{
    id::Id,
    input::{
        attributes::{Field, input},
        values::{Reference, Text, Timestamp},
    },
    paging::{Cursor, IncludeCount, Limit, Order},
};

/// The attributes of the object. Those that an endpoint doesn't take are read-only there.
const FIELDS: &[&str] = &["id", "conversation_id", "contact_id", "message", "read_at", "created_at", "updated_at"];

input! {
    /// `GET /v1/messages`
    pub struct List {
        /// At most so many.
        pub limit: Option<Limit>,
        /// The page after this position.
        pub starting_after: Option<Cursor>,
        /// The page before it.
        pub ending_before: Option<Cursor>,
        /// Only those of this conversation.
        pub conversation_id: Option<Id>,
        /// Which end comes first.
        pub order: Option<Order>,
        /// Only those created in this second or later.
        pub since: Option<Timestamp>,
        /// Only those created before this second.
        pub until: Option<Timestamp>,
        /// What the response has besides.
        pub include: Option<IncludeCount>,
    }
}

input! {
    /// `POST /v1/messages`
    pub struct Create beside FIELDS {
        /// The conversation to send it to.
        pub conversation_id: Id,
        /// Its text.
        pub message: Text,
        /// Who sent it. Absent or null: the account itself.
        pub contact_id: Field<Reference>,
    }
}

input! {
    /// `PUT` and `PATCH /v1/messages/:id`. What is not sent stays as it is.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub struct Update beside FIELDS {
        /// Its text.
        pub message: Option<Text>,
        /// When it was read, if it was.
        pub read_at: Field<Timestamp>,
    }
}
