//! What a request about conversations may say.

use crate::{
    http::error::Error,
    id::Id,
    input::{
        attributes::{Attribute, Field, Value, input},
        values::{Reference, Timestamp},
    },
    paging::{self, Cursor, Limit, Paging, Positions},
};

/// The attributes of the object. Those that an endpoint doesn't take are read-only there.
const FIELDS: &[&str] = &[
    "id",
    "contact_id",
    "group_id",
    "pinned_message_id",
    "is_pinned",
    "is_muted",
    "last_active_at",
    "last_opened_at",
    "created_at",
    "archived_at",
];

input! {
    /// `GET /v1/conversations`
    pub struct List {
        /// At most so many.
        pub limit: Option<Limit>,
        /// The page after this position.
        pub starting_after: Option<Cursor>,
        /// The page before it.
        pub ending_before: Option<Cursor>,
        /// Only the muted ones, or only the others.
        pub muted: Option<bool>,
        /// Only the archived ones, or only the others.
        pub archived: Option<bool>,
        /// Only the pinned ones, or only the others.
        pub pinned: Option<bool>,
        /// Only those of this group.
        pub group_id: Option<Reference>,
        /// Only those with this contact.
        pub contact_id: Option<Reference>,
        /// Only the unread ones, or only the others.
        pub unread: Option<bool>,
        /// Their order.
        pub sort: Option<Sort>,
    }
}

input! {
    /// `POST /v1/conversations`
    pub struct Create beside FIELDS {
        /// The contact, if any.
        pub contact_id: Field<Reference>,
        /// The group, if any.
        pub group_id: Field<Reference>,
        /// Whether an existing conversation with the same contact and group will do.
        pub distinct: Option<bool>,
    }
}

input! {
    /// `PUT` and `PATCH /v1/conversations/:id`. What is not sent stays as it is.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub struct Update beside FIELDS {
        /// A message of this conversation, or none.
        pub pinned_message_id: Field<Id>,
        /// Pins or unpins the conversation.
        pub is_pinned: Option<bool>,
        /// Mutes or unmutes it.
        pub is_muted: Option<bool>,
        /// Archives or unarchives it.
        pub archived_at: Field<Timestamp>,
        /// Marks it read, or unread.
        pub last_opened_at: Field<Timestamp>,
    }
}

/// The order of a list, and what its positions are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Newest first. An id is a position.
    #[default]
    CreatedAt,
    /// Most recent activity first, those never active last, newest first; see `conversations.activity`.
    LastActiveAt,
}

impl Attribute for Sort {
    const EXPECTED: &str = "created_at or last_active_at";

    fn parse(value: &Value) -> Option<Self> {
        match value.as_text()? {
            "created_at" => Some(Self::CreatedAt),
            "last_active_at" => Some(Self::LastActiveAt),
            _ => None,
        }
    }
}

/// The positions of `conversations.activity`: seven characters of time and an id.
const ACTIVITIES: Positions = Positions {
    expected: "a cursor from the Link header of another page (with sort=last_active_at an id is not a valid cursor)",
    well_formed: |text| text.len() == 23 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()),
};

/// Which conversations a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    /// By the four flags.
    pub flags: Flags,
    /// Only those with this contact.
    pub contact_id: Option<Reference>,
    /// Only those of this group.
    pub group_id: Option<Reference>,
}

/// The flags of a filter: only those that have one, only the others, or all.
#[derive(Debug, Default)]
pub struct Flags {
    /// `is_pinned`
    pub pinned: Option<bool>,
    /// `is_muted`
    pub muted: Option<bool>,
    /// `archived_at` is set.
    pub archived: Option<bool>,
    /// Never opened, or active since.
    pub unread: Option<bool>,
}

impl List {
    /// The page, the order and the filter that the query asks for.
    pub fn check(self) -> Result<(Paging, Sort, Filter), Error> {
        let sort = self.sort.unwrap_or_default();
        let positions = match sort {
            Sort::CreatedAt => &paging::IDS,
            Sort::LastActiveAt => &ACTIVITIES,
        };
        let paging = Paging::new(self.limit, self.starting_after, self.ending_before, positions)?;
        let flags = Flags { pinned: self.pinned, muted: self.muted, archived: self.archived, unread: self.unread };
        Ok((paging, sort, Filter { flags, contact_id: self.contact_id, group_id: self.group_id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_activity_is_seven_characters_and_an_id() {
        assert!((ACTIVITIES.well_formed)("Vc1PzsGxgQQXg3hrtjh7AvZ"));
        for bad in
            ["", "xgQQXg3hrtjh7AvZ", "Vc1PzsGxgQQXg3hrtjh7AvZ0", "Vc1Pzs-xgQQXg3hrtjh7AvZ", "Vc1PzéxgQQXg3hrtjh7AvZ"]
        {
            assert!(!(ACTIVITIES.well_formed)(bad), "{bad}");
        }
    }
}
