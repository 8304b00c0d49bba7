//! The contract's value types: what an attribute can hold once it has been checked.

use std::fmt;

use crate::{
    auth::scopes::Scopes,
    id::Id,
    input::attributes::{Attribute, Value},
};

/// A text type shows itself as its text.
macro_rules! display {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )+};
}
display!(Reference, Text, Name, Description);

impl Attribute for bool {
    const EXPECTED: &str = "true or false (in JSON without quotes)";

    fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(*value),
            Value::Word(word) => match word.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Attribute for Id {
    const EXPECTED: &str = "16 letters or digits";

    fn parse(value: &Value) -> Option<Self> {
        value.as_text().and_then(Self::parse)
    }
}

impl Attribute for Scopes {
    const EXPECTED: &str = "one or more of these, each once, separated by spaces: conversations:read, \
                            conversations:write, messages:read, messages:write, tokens:write, events:read, \
                            webhooks:write";

    fn parse(value: &Value) -> Option<Self> {
        value.as_text().and_then(Self::parse)
    }
}

/// 1 to 100 different ids: a JSON list, or in a form a text in which commas separate them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids(Vec<String>);

impl Ids {
    /// The most that there can be.
    pub const MAX: usize = 100;

    /// A JSON list: one parameter of a statement.
    pub fn to_json(&self) -> String {
        // Ids have no character to escape.
        ["[\"", &self.0.join("\",\""), "\"]"].concat()
    }
}

impl Attribute for Ids {
    const EXPECTED: &str = "1 to 100 different ids, each 16 letters or digits (in JSON a list, in a form separated by \
                            commas)";

    fn parse(value: &Value) -> Option<Self> {
        let ids: Vec<String> = match value {
            Value::List(ids) => ids.clone(),
            Value::Word(word) => word.split(',').take(Self::MAX + 1).map(str::to_owned).collect(),
            _ => return None,
        };
        let mut sorted: Vec<_> = ids.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let all_differ = sorted.len() == ids.len() && ids.len() <= Self::MAX;
        (all_differ && ids.iter().all(|id| Id::parse(id).is_some())).then_some(Self(ids))
    }
}

/// Which of some names a text has, in which commas separate them. None when it has another one, or one twice.
pub fn included<const COUNT: usize>(value: &Value, names: [&str; COUNT]) -> Option<[bool; COUNT]> {
    let mut included = [false; COUNT];
    for word in value.as_text()?.split(',') {
        let (_, is_included) = names.iter().zip(&mut included).find(|(name, _)| **name == word)?;
        if std::mem::replace(is_included, true) {
            return None;
        }
    }
    Some(included)
}

/// Seconds since the Unix epoch, 0 to 253402300799 (the end of the year 9999). Contract, "Requests".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last second of the year 9999.
    pub const MAX: i64 = 253_402_300_799;

    /// Whole seconds since the Unix epoch.
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl Attribute for Timestamp {
    const EXPECTED: &str = "a Unix time: a whole number of seconds from 0 to 253402300799 (in JSON without quotes)";

    fn parse(value: &Value) -> Option<Self> {
        value.as_integer().filter(|seconds| (0..=Self::MAX).contains(seconds)).map(Self)
    }
}

/// An id of the deployment's own directory of contacts and groups: 1 to 64 characters of `[A-Za-z0-9_-]`.
/// This service doesn't hold that directory, so any such id is taken. Contract, "Requests".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference(String);

impl Attribute for Reference {
    const EXPECTED: &str = "a string of 1 to 64 characters: A-Z, a-z, 0-9, _ and -";

    fn parse(value: &Value) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let text = value.as_text()?;
        ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }
}

/// A message's text: 1 to 10,000 characters (Unicode scalar values). Of the control characters, which a terminal may
/// obey, only those that lay out text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

impl Attribute for Text {
    const EXPECTED: &str = "a string of 1 to 10,000 characters, without control characters other than tab, line feed \
                            and carriage return";

    fn parse(value: &Value) -> Option<Self> {
        let commands = |character: char| character.is_control() && !matches!(character, '\t' | '\n' | '\r');
        let text = value.as_text()?;
        let fits = (1..=10_000).contains(&text.chars().count()) && !text.contains(commands);
        fits.then(|| Self(text.to_owned()))
    }
}

/// What a token is called: 1 to 64 characters that a line shows, not all of them spaces. Two names that look the same
/// are the same, so no character is invisible or turns the direction of the text: also not those that join emoji, or
/// choose how one looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Attribute for Name {
    const EXPECTED: &str = "a string of 1 to 64 characters, not only spaces, without control characters and without \
                            invisible or direction-changing ones";

    fn parse(value: &Value) -> Option<Self> {
        value.as_text().filter(|text| is_label(text, 64)).map(|text| Self(text.to_owned()))
    }
}

/// What a webhook is for: 1 to 100 characters like those of a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(String);

impl Attribute for Description {
    const EXPECTED: &str = "a string of 1 to 100 characters, not only spaces, without control characters and without \
                            invisible or direction-changing ones";

    fn parse(value: &Value) -> Option<Self> {
        value.as_text().filter(|text| is_label(text, 100)).map(|text| Self(text.to_owned()))
    }
}

/// Whether a text has 1 to `max` characters, shows all of them on one line, and is not only spaces.
fn is_label(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.chars().count()) && !text.contains(is_hidden) && !text.trim().is_empty()
}

/// Seconds that what was rotated stays valid: an hour by default, a day at most.
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

/// A control character, a line or paragraph separator, an interlinear annotation, or one of Unicode's
/// `Default_Ignorable_Code_Point`s, which are invisible or turn the direction of the text.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<T: Attribute>(text: &str) -> Option<T> {
        T::parse(&Value::Text(text.to_owned()))
    }

    #[test]
    fn a_name_is_1_to_64_characters_of_one_line() {
        assert!(parse::<Name>("CI of the web shop, é").is_some());
        assert!(parse::<Name>(&"é".repeat(64)).is_some());
        assert!(parse::<Name>("שלום 😀 ⏰").is_some());
        for bad in ["", "  ", "a\nb", "a\0", "a\u{9f}", "a\u{2028}b", "a\u{202e}b", "a\u{200b}b", &"a".repeat(65)] {
            assert_eq!(parse::<Name>(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_timestamp_is_within_the_years_1970_to_9999() {
        let parse = |seconds| Timestamp::parse(&Value::Integer(seconds)).map(Timestamp::seconds);
        for seconds in [0, Timestamp::MAX] {
            assert_eq!(parse(seconds), Some(seconds));
        }
        for seconds in [-1, Timestamp::MAX + 1] {
            assert_eq!(parse(seconds), None);
        }
    }

    #[test]
    fn a_reference_is_1_to_64_characters_of_the_url_safe_alphabet() {
        assert!(parse::<Reference>("WAz8eIbvDR60rouK").is_some());
        assert!(parse::<Reference>(&"a".repeat(64)).is_some());
        for bad in ["", "a b", "a/b", "é", "a\0", "'; --", &"a".repeat(65)] {
            assert_eq!(parse::<Reference>(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_text_is_1_to_10_000_characters_whatever_their_bytes() {
        assert!(parse::<Text>(&"😀".repeat(10_000)).is_some());
        assert!(parse::<Text>("two\nlines\tand a tab").is_some());
        assert!(parse::<Text>("\r\u{200d}\u{202e}").is_some());
        for bad in ["", "a\0b", "\u{8}", "\u{b}", "\u{1b}[2J", "\u{7f}", "\u{85}", "\u{9f}", &"😀".repeat(10_001)] {
            assert_eq!(parse::<Text>(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn ids_are_1_to_100_different_ones() {
        let id = |number: usize| format!("{number:016}");
        let ids = |count: usize| (0..count).map(id).collect::<Vec<_>>();
        let (hundred, more) = (ids(100), ids(101));
        assert_eq!(Ids::parse(&Value::List(ids(2))).map(|ids| ids.to_json()), serde_json::to_string(&ids(2)).ok());
        assert_eq!(Ids::parse(&Value::Word(hundred.join(","))), Some(Ids(hundred)));
        for bad in [more, vec![id(1), id(2), id(1)], vec!["short".to_owned()], vec![id(1), String::new()]] {
            assert_eq!(Ids::parse(&Value::Word(bad.join(","))), None, "{bad:?}");
            assert_eq!(Ids::parse(&Value::List(bad)), None);
        }
        for bad in [Value::Text(id(1)), Value::Null, Value::Other, Value::Integer(1)] {
            assert_eq!(Ids::parse(&bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_included_is_named_once() {
        let included = |text: &str| included(&Value::Word(text.to_owned()), ["a", "b"]);
        assert_eq!(included("b"), Some([false, true]));
        assert_eq!(included("b,a"), Some([true, true]));
        for bad in ["", "c", "a,a", "a,", "a b", "a, b"] {
            assert_eq!(included(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_boolean_is_one_of_two_words_or_of_json() {
        assert_eq!(bool::parse(&Value::Bool(true)), Some(true));
        assert_eq!(bool::parse(&Value::Word("false".to_owned())), Some(false));
        for bad in ["", "1", "0", "True", "yes", "null"] {
            assert_eq!(bool::parse(&Value::Word(bad.to_owned())), None, "{bad}");
        }
        assert_eq!(parse::<bool>("true"), None, "a JSON string is no boolean");
    }
}
