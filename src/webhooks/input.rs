//! What a request about webhooks may say.

use crate::{
    events::input::Start,
    http::error::Error,
    input::{
        attributes::{Attribute, Field, Value, input},
        values::{Description, GracePeriod},
    },
    webhooks::url::EndpointUrl,
};

/// The attributes of the object. Those that an endpoint doesn't take are read-only there.
const FIELDS: &[&str] = &[
    "id",
    "url",
    "types",
    "description",
    "status",
    "disabled_reason",
    "last_event_id",
    "behind",
    "failing_since",
    "next_attempt_at",
    "created_at",
    "secret",
];

input! {
    /// `POST /v1/webhooks`
    pub struct Create beside FIELDS {
        /// Where deliveries go.
        pub url: UncheckedUrl,
        /// Which events. Not sent, or null: all.
        pub types: Field<Types>,
        /// What it is for.
        pub description: Field<Description>,
    }
}

input! {
    /// `PUT` and `PATCH /v1/webhooks/:id`. What is not sent stays as it is.
    pub struct Update beside FIELDS {
        /// Where deliveries go.
        pub url: Option<UncheckedUrl>,
        /// Which events, or all.
        pub types: Field<Types>,
        /// What it is for.
        pub description: Field<Description>,
        /// Whether it gets events.
        pub status: Option<Status>,
        /// The event that the next delivery comes after.
        pub last_event_id: Option<Start>,
    }
}

input! {
    /// `POST /v1/webhooks/:id/rotate`
    pub struct Rotate {
        /// How long the secret from before signs too.
        pub grace_period: Option<GracePeriod>,
    }
}

/// A URL whose check depends on the deployment.
#[derive(Debug, PartialEq, Eq)]
pub struct UncheckedUrl(String);

impl UncheckedUrl {
    /// Checks it. Errors: 400.
    pub fn check(&self, allow_loopback: bool) -> Result<EndpointUrl, Error> {
        EndpointUrl::parse(&self.0, allow_loopback)
    }
}

impl Attribute for UncheckedUrl {
    const EXPECTED: &str = "an https URL of a public host";

    fn parse(value: &Value) -> Option<Self> {
        value.as_text().map(|text| Self(text.to_owned()))
    }
}

/// Types of events, one at least, as the bits of `webhooks.types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types(i64);

impl Types {
    /// Every type, in the order of its bits.
    pub const ALL: [&str; 6] = [
        "conversation.created",
        "conversation.updated",
        "conversation.deleted",
        "message.created",
        "message.updated",
        "message.deleted",
    ];

    /// The bits of `webhooks.types`.
    pub fn bits(self) -> i64 {
        self.0
    }

    fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let bits = names.into_iter().try_fold(0, |bits, name| {
            let bit = 1 << Self::ALL.iter().position(|known| *known == name)?;
            (bits & bit == 0).then_some(bits | bit)
        })?;
        (bits != 0).then_some(Self(bits))
    }
}

impl Attribute for Types {
    const EXPECTED: &str = "one or more of these, each once, as a list in JSON and separated by spaces in a form: \
                            conversation.created, conversation.updated, conversation.deleted, message.created, \
                            message.updated, message.deleted";

    fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::List(names) => Self::of(names.iter().map(String::as_str)),
            Value::Word(names) => Self::of(names.split(' ')),
            _ => None,
        }
    }
}

/// Whether an endpoint gets events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Enabled,
    /// It does not.
    Disabled,
}

impl Attribute for Status {
    const EXPECTED: &str = "enabled or disabled";

    fn parse(value: &Value) -> Option<Self> {
        match value.as_text()? {
            "enabled" => Some(Self::Enabled),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Option<i64> {
        Types::parse(&Value::List(names.iter().map(ToString::to_string).collect())).map(Types::bits)
    }

    #[test]
    fn types_are_a_list_or_the_words_of_a_form() {
        assert_eq!(list(&["message.created"]), Some(8));
        assert_eq!(list(&["message.deleted", "conversation.created"]), Some(33));
        assert_eq!(list(&Types::ALL), Some(63));
        let word = |text: &str| Types::parse(&Value::Word(text.to_owned())).map(Types::bits);
        assert_eq!(word("message.created conversation.deleted"), Some(12));
        for bad in ["", " ", "message", "message.created ", "message.created,message.updated"] {
            assert_eq!(word(bad), None, "{bad:?}");
        }
        assert_eq!(list(&[]), None);
        assert_eq!(list(&["message.created", "message.created"]), None);
        assert_eq!(Types::parse(&Value::Text("message.created".to_owned())), None, "a JSON string is no list");
    }

    #[test]
    fn an_error_lists_every_type() {
        assert!(Types::EXPECTED.ends_with(&Types::ALL.join(", ")));
    }
}
