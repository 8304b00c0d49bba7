//! The contract's value types: what an attribute can hold once it has been checked. Pure.

use std::fmt;

use crate::auth::Scope;

/// Seconds since the Unix epoch, 0 to 253402300799 (the end of the year 9999). Contract, "Requests".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last second of the year 9999.
    pub const MAX: i64 = 253_402_300_799;

    /// None outside the bounds.
    pub fn new(seconds: i64) -> Option<Self> {
        (0..=Self::MAX).contains(&seconds).then_some(Self(seconds))
    }

    /// Whole seconds since the Unix epoch.
    pub fn seconds(self) -> i64 {
        self.0
    }
}

/// An id of the deployment's own directory of contacts and groups: 1 to 64 characters of `[A-Za-z0-9_-]`.
/// This service doesn't hold that directory, so any such id is taken. Contract, "Requests".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference(String);

impl Reference {
    /// None when the text is not a reference.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A message's text: 1 to 10,000 characters (Unicode scalar values), none of them NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// None when the text is empty, too long, or has a NUL, which SQLite takes for its end.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=10_000).contains(&text.chars().count()) && !text.contains('\0');
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a token is called: 1 to 64 characters that a line can show, not all of them spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// None when the text is blank, too long, or has control characters or line breaks.
    pub fn parse(text: &str) -> Option<Self> {
        let breaks = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
        let fits = (1..=64).contains(&text.chars().count()) && !text.contains(breaks) && !text.trim().is_empty();
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a token may do: one scope at least, as the bits of `tokens.scopes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes(i64);

impl Scopes {
    /// Names separated by single spaces (RFC 6749, section 3.3); None when one is unknown or comes twice.
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

    #[test]
    fn a_name_is_1_to_64_characters_of_a_line() {
        assert!(Name::parse("CI of the web shop, é").is_some());
        assert!(Name::parse(&"é".repeat(64)).is_some());
        for bad in ["", "  ", "a\nb", "a\0", "a\u{2028}b", &"a".repeat(65)] {
            assert_eq!(Name::parse(bad), None, "{bad:?}");
        }
    }

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
    fn a_timestamp_is_within_the_years_1970_to_9999() {
        assert_eq!(Timestamp::new(0).map(Timestamp::seconds), Some(0));
        assert!(Timestamp::new(Timestamp::MAX).is_some());
        assert_eq!(Timestamp::new(-1), None);
        assert_eq!(Timestamp::new(Timestamp::MAX + 1), None);
    }

    #[test]
    fn a_reference_is_1_to_64_characters_of_the_url_safe_alphabet() {
        assert!(Reference::parse("WAz8eIbvDR60rouK").is_some());
        assert!(Reference::parse(&"a".repeat(64)).is_some());
        for bad in ["", "a b", "a/b", "é", "a\0", "'; --", &"a".repeat(65)] {
            assert_eq!(Reference::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_text_is_1_to_10_000_characters_whatever_their_bytes() {
        assert!(Text::parse(&"😀".repeat(10_000)).is_some());
        assert!(Text::parse("two\nlines\tand a tab").is_some());
        for bad in ["", "a\0b", &"😀".repeat(10_001)] {
            assert_eq!(Text::parse(bad), None);
        }
    }
}
