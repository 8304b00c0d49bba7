//! Attributes: the names and values of a query string, a form or a JSON object, whichever they came from. Pure.
//! An endpoint takes out those that it knows, each as the type it must have; what is left over is a stranger.

use std::borrow::Cow;

use crate::{
    error::{Code, Error},
    values::{Reference, Timestamp},
};

/// One value as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// JSON `null`, or an empty value of a form.
    Null,
    /// A JSON boolean.
    Bool(bool),
    /// A JSON whole number.
    Integer(i64),
    /// A JSON string.
    Text(String),
    /// The text of a form's or a query's value, which may be meant as any type.
    Word(String),
    /// JSON that is no attribute's value: a list, an object, a number that is not whole or is out of all bounds.
    Other,
}

impl Value {
    fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Word(word) if word == "true" => Some(true),
            Self::Word(word) if word == "false" => Some(false),
            _ => None,
        }
    }

    /// Digits alone, written the one usual way: no sign, no leading zero.
    fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Word(word) => word.parse().ok().filter(|number: &i64| number.to_string() == *word),
            _ => None,
        }
    }

    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Word(text) => Some(text),
            _ => None,
        }
    }
}

/// What a partial update says of one attribute that can be unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// Not sent: stays as it is.
    #[default]
    Absent,
    /// Sent as `null`: is cleared.
    Null,
    /// Sent with a value.
    Value(T),
}

impl<T> Field<T> {
    /// Whether the attribute was sent at all.
    pub fn is_sent(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// The value, if one was sent.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

/// The attributes of one query or one body, in the order sent, each name once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(String, Value)>);

impl Attributes {
    /// A query string, without its `?`. An empty value is a value there: nothing to clear.
    pub fn of_query(query: &str) -> Result<Self, Error> {
        Self::of_pairs(query.as_bytes(), Value::Word)
    }

    /// A body of type `application/x-www-form-urlencoded` (URL standard, section 5.1). An empty value is `null`.
    pub fn of_form(body: &[u8]) -> Result<Self, Error> {
        Self::of_pairs(body, |word| if word.is_empty() { Value::Null } else { Value::Word(word) })
    }

    fn of_pairs(bytes: &[u8], value: impl Fn(String) -> Value) -> Result<Self, Error> {
        let mut attributes = Self::default();
        for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let raw_name = halves.next().unwrap_or_default();
            let raw_value = halves.next().unwrap_or_default();
            let name =
                percent_decode(raw_name).ok_or_else(|| malformed_encoding(&String::from_utf8_lossy(raw_name)))?;
            let word = percent_decode(raw_value).ok_or_else(|| malformed_encoding(&name))?;
            attributes.insert(name, value(word))?;
        }
        Ok(attributes)
    }

    /// Adds an attribute. Errors when it is there already.
    pub fn insert(&mut self, name: String, value: Value) -> Result<(), Error> {
        if self.0.iter().any(|(known, _)| *known == name) {
            return Err(Error::of(
                Code::ParameterDuplicate,
                &name,
                format!("{} was sent twice; send it once.", shown(&name)),
            ));
        }
        self.0.push((name, value));
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// A boolean: `true` or `false`, never null.
    pub fn bool(&mut self, name: &str) -> Result<Option<bool>, Error> {
        self.typed(name, "true or false", Value::as_bool)
    }

    /// A whole number within bounds.
    pub fn integer(&mut self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Error> {
        let right = format!("a whole number from {least} to {most}");
        self.typed(name, &right, |value| value.as_integer().filter(|number| (least..=most).contains(number)))
    }

    /// A reference to a contact or a group.
    pub fn reference(&mut self, name: &str) -> Result<Option<Reference>, Error> {
        self.typed(name, "1 to 64 characters of A-Z, a-z, 0-9, _ and -", as_reference)
    }

    /// A reference, or null.
    pub fn nullable_reference(&mut self, name: &str) -> Result<Field<Reference>, Error> {
        self.nullable(name, "1 to 64 characters of A-Z, a-z, 0-9, _ and -, or null", as_reference)
    }

    /// A timestamp, or null.
    pub fn nullable_timestamp(&mut self, name: &str) -> Result<Field<Timestamp>, Error> {
        self.nullable(name, "a time in whole seconds since 1970, from 0 to 253402300799, or null", |value| {
            value.as_integer().and_then(Timestamp::new)
        })
    }

    /// Text that `parse` makes something of.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        right: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        self.typed(name, right, |value| value.as_text().and_then(&parse))
    }

    /// Text that `parse` makes something of, or null.
    pub fn nullable_parsed<T>(
        &mut self,
        name: &str,
        right: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Field<T>, Error> {
        self.nullable(name, right, |value| value.as_text().and_then(&parse))
    }

    fn typed<T>(&mut self, name: &str, right: &str, parse: impl Fn(&Value) -> Option<T>) -> Result<Option<T>, Error> {
        self.take(name).map(|value| parse(&value).ok_or_else(|| Error::invalid(name, right))).transpose()
    }

    fn nullable<T>(&mut self, name: &str, right: &str, parse: impl Fn(&Value) -> Option<T>) -> Result<Field<T>, Error> {
        match self.take(name) {
            None => Ok(Field::Absent),
            Some(Value::Null) => Ok(Field::Null),
            Some(value) => parse(&value).map(Field::Value).ok_or_else(|| Error::invalid(name, right)),
        }
    }

    /// Refuses those of `names` that were sent: they exist, but `why` they can't be chosen here.
    pub fn refuse(&self, names: &[&str], why: &str) -> Result<(), Error> {
        match self.0.iter().find(|(sent, _)| names.contains(&sent.as_str())) {
            Some((name, _)) => Err(Error::of(Code::ParameterImmutable, name, format!("{name} {why}"))),
            None => Ok(()),
        }
    }

    /// Refuses whatever is left: nothing is silently ignored. `known` lists what the endpoint takes.
    pub fn finish(self, known: &[&str]) -> Result<(), Error> {
        let Some((name, _)) = self.0.first() else {
            return Ok(());
        };
        let right = match known {
            [] => "There are none.".to_owned(),
            known => format!("Known are: {}.", known.join(", ")),
        };
        Err(Error::of(Code::ParameterUnknown, name, format!("{} is not known here. {right}", shown(name))))
    }
}

fn as_reference(value: &Value) -> Option<Reference> {
    value.as_text().and_then(Reference::parse)
}

/// A name that a caller made up, as a message can show it.
fn shown(name: &str) -> Cow<'_, str> {
    let printable = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if printable { Cow::Borrowed(name) } else { Cow::Borrowed("An attribute") }
}

fn malformed_encoding(name: &str) -> Error {
    Error::of(
        Code::ParameterInvalid,
        name,
        format!("{} must be percent-encoded UTF-8: a % is followed by two hexadecimal digits.", shown(name)),
    )
}

/// `application/x-www-form-urlencoded` to text, strictly: None for a `%` without two hexadecimal digits or bytes that
/// are not UTF-8, where browsers would guess.
fn percent_decode(bytes: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut bytes = bytes.iter().copied();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Attributes, Error> {
        Attributes::of_query(text)
    }

    #[test]
    fn pairs_are_decoded_as_browsers_and_curl_encode_them() {
        let attributes = query("a=1+2&b=%C3%A9&&c&d=x=y").unwrap();
        let word = |text: &str| Value::Word(text.to_owned());
        assert_eq!(
            attributes.0,
            [("a", word("1 2")), ("b", word("é")), ("c", word("")), ("d", word("x=y"))].map(|(n, v)| (n.to_owned(), v))
        );
    }

    #[test]
    fn malformed_encoding_names_the_attribute() {
        for bad in ["limit=%", "limit=%2", "limit=%zz", "limit=%ff", "limit=%+1"] {
            assert!(query(bad).is_err_and(|error| error.code == Code::ParameterInvalid), "{bad}");
        }
    }

    #[test]
    fn an_attribute_sent_twice_is_refused() {
        assert!(query("a=1&%61=1").is_err_and(|error| error.code == Code::ParameterDuplicate));
    }

    #[test]
    fn numbers_are_digits_alone() {
        for (text, expected) in [("1", Some(1)), ("100", Some(100))] {
            assert_eq!(
                query(&format!("limit={text}")).and_then(|mut a| a.integer("limit", 1, 100)).ok().flatten(),
                expected
            );
        }
        for bad in ["", "0", "101", "-1", "%2B1", "01", "1.0", "1e1", "ten", "1%00", "99999999999999999999"] {
            assert!(query(&format!("limit={bad}")).and_then(|mut a| a.integer("limit", 1, 100)).is_err(), "{bad}");
        }
    }

    #[test]
    fn booleans_are_the_two_words() {
        for bad in ["", "1", "0", "True", "yes", "null"] {
            assert!(query(&format!("muted={bad}")).and_then(|mut a| a.bool("muted")).is_err(), "{bad}");
        }
        assert_eq!(query("muted=false").and_then(|mut a| a.bool("muted")).ok(), Some(Some(false)));
        assert_eq!(query("").and_then(|mut a| a.bool("muted")).ok(), Some(None));
    }

    #[test]
    fn an_empty_value_of_a_form_is_null_and_of_a_query_is_not() {
        let form = Attributes::of_form(b"archived_at=").and_then(|mut a| a.nullable_timestamp("archived_at"));
        assert_eq!(form.ok(), Some(Field::Null));
        assert!(query("archived_at=").and_then(|mut a| a.nullable_timestamp("archived_at")).is_err());
    }

    #[test]
    fn what_is_left_over_is_a_stranger() {
        assert!(
            query("nonsense=1")
                .and_then(|a| a.finish(&["limit"]))
                .is_err_and(|error| error.code == Code::ParameterUnknown)
        );
        assert!(query("").and_then(|a| a.finish(&[])).is_ok());
    }
}
