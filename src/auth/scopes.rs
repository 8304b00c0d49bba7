//! Scopes: what a token may do. Contract, "Accounts and tokens".

/// One scope. The numbers are the bits of `tokens.scopes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `conversations:read`
    ConversationsRead = 1,
    /// `conversations:write`
    ConversationsWrite = 2,
    /// `messages:read`
    MessagesRead = 4,
    /// `messages:write`
    MessagesWrite = 8,
    /// `tokens:write`
    TokensWrite = 16,
    /// `events:read`
    EventsRead = 32,
    /// `webhooks:write`
    WebhooksWrite = 64,
    /// Whichever the token has: it has one at least.
    Any = 127,
}

impl Scope {
    /// Every scope that a token can have.
    pub const ALL: [Self; 7] = [
        Self::ConversationsRead,
        Self::ConversationsWrite,
        Self::MessagesRead,
        Self::MessagesWrite,
        Self::TokensWrite,
        Self::EventsRead,
        Self::WebhooksWrite,
    ];

    /// The name as callers and operators write it. [`Scope::Any`] has none.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConversationsRead => "conversations:read",
            Self::ConversationsWrite => "conversations:write",
            Self::MessagesRead => "messages:read",
            Self::MessagesWrite => "messages:write",
            Self::TokensWrite => "tokens:write",
            Self::EventsRead => "events:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::Any => "",
        }
    }

    /// The bit in `tokens.scopes`, of [`Scope::Any`] all of them.
    pub fn bit(self) -> i64 {
        self as i64
    }
}

/// What a token may do, as the bits of `tokens.scopes`. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(i64);

impl Scopes {
    /// Those of a row of `tokens`.
    pub fn of_bits(bits: i64) -> Self {
        Self(bits)
    }

    /// Whether one of them is this.
    pub fn contain(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// One scope at least: names separated by single spaces (RFC 6749, section 3.3). None when one is unknown or comes
    /// twice.
    pub fn parse(text: &str) -> Option<Self> {
        text.split(' ')
            .try_fold(0, |bits, name| {
                let bit = Scope::ALL.into_iter().find(|scope| scope.name() == name)?.bit();
                (bits & bit == 0).then_some(bits | bit)
            })
            .map(Self)
    }

    /// The bits of `tokens.scopes`.
    pub fn bits(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::attributes::Attribute;

    #[test]
    fn scopes_are_names_separated_by_single_spaces() {
        assert_eq!(Scopes::parse("conversations:read").map(Scopes::bits), Some(1));
        assert_eq!(Scopes::parse("tokens:write messages:read").map(Scopes::bits), Some(20));
        for bad in [
            "",
            " ",
            "conversations",
            "conversations:read ",
            "conversations:read,messages:read",
            "messages:read messages:read",
        ] {
            assert_eq!(Scopes::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn any_scope_is_each_of_them() {
        assert_eq!(Scope::ALL.into_iter().map(Scope::bit).sum::<i64>(), Scope::Any.bit());
    }

    #[test]
    fn an_error_lists_every_scope() {
        assert!(Scopes::EXPECTED.ends_with(&Scope::ALL.map(Scope::name).join(", ")));
    }
}
