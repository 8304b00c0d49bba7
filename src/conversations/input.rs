//! What a request about conversations may say.

use crate::{
    http::error::Error,
    id::Id,
    input::{
        attributes::{Attribute, Field, Value, input},
        values::{Ids, Reference, Timestamp, included},
    },
    paging::{self, Cursor, Limit, Order, Paging, Period, Positions},
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
        /// By what they are sorted.
        pub sort: Option<Sort>,
        /// Which end comes first.
        pub order: Option<Order>,
        /// Only those created in this second or later.
        pub since: Option<Timestamp>,
        /// Only those created before this second.
        pub until: Option<Timestamp>,
        /// What the response has besides.
        pub include: Option<Include>,
    }
}

input! {
    /// `GET /v1/conversations/:id`
    pub struct Retrieve {
        /// What the object has besides.
        pub include: Option<IncludeMessage>,
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

input! {
    /// `PATCH /v1/conversations`. What is not sent stays as it is.
    pub struct UpdateMany beside FIELDS {
        /// The conversations.
        pub ids: Ids,
        /// Pins or unpins them.
        pub is_pinned: Option<bool>,
        /// Mutes or unmutes them.
        pub is_muted: Option<bool>,
        /// Archives or unarchives them.
        pub archived_at: Field<Timestamp>,
        /// Marks them read, or unread.
        pub last_opened_at: Field<Timestamp>,
    }
}

impl UpdateMany {
    /// The conversations, and what changes in each of them.
    pub fn split(self) -> (Ids, Update) {
        let Self { ids, is_pinned, is_muted, archived_at, last_opened_at } = self;
        (ids, Update { pinned_message_id: Field::Absent, is_pinned, is_muted, archived_at, last_opened_at })
    }
}

/// What the response of a list has besides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Include {
    /// The last message of each conversation.
    pub last_message: bool,
    /// How many conversations the whole list has.
    pub total_count: bool,
}

impl Attribute for Include {
    const EXPECTED: &str = "last_message, total_count, or both separated by a comma";

    fn parse(value: &Value) -> Option<Self> {
        let [last_message, total_count] = included(value, ["last_message", "total_count"])?;
        Some(Self { last_message, total_count })
    }
}

/// What one conversation has besides: its last message.
#[derive(Debug)]
pub struct IncludeMessage;

impl Attribute for IncludeMessage {
    const EXPECTED: &str = "last_message";

    fn parse(value: &Value) -> Option<Self> {
        included(value, ["last_message"]).map(|_| Self)
    }
}

/// The order of a list, and what its positions are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By creation. An id is a position.
    #[default]
    CreatedAt,
    /// By activity, those never active before all others, by creation; see `conversations.activity`.
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

/// What a list shows.
#[derive(Debug, Default)]
pub struct Content {
    /// Of which conversations.
    pub filter: Filter,
    /// When they were created.
    pub period: Period,
    /// What else.
    pub include: Include,
}

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
    /// The page, the order and the content that the query asks for.
    pub fn check(self) -> Result<(Paging, Sort, Content), Error> {
        let sort = self.sort.unwrap_or_default();
        let positions = match sort {
            Sort::CreatedAt => &paging::IDS,
            Sort::LastActiveAt => &ACTIVITIES,
        };
        let paging = Paging::new(self.limit, self.starting_after, self.ending_before, positions)?.ordered(self.order);
        let flags = Flags { pinned: self.pinned, muted: self.muted, archived: self.archived, unread: self.unread };
        let filter = Filter { flags, contact_id: self.contact_id, group_id: self.group_id };
        let period = Period { since: self.since, until: self.until };
        Ok((paging, sort, Content { filter, period, include: self.include.unwrap_or_default() }))
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
