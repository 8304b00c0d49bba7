//! Attributes: the names and values of a query string, a form or a JSON object, whichever they came from. [`input!`]
//! says which of them an endpoint takes, each as the type it must have; any other is refused.

use crate::http::error::{Code, Error};

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
    /// The text of a form's or a query's value, which may stand for any type.
    Word(String),
    /// A JSON list of strings.
    List(Vec<String>),
    /// JSON that is no attribute's value: another list, an object, a number that is not whole or is out of all bounds.
    Other,
}

impl Value {
    /// A JSON number, or digits alone: no sign, no leading zero.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Word(word) => word.parse().ok().filter(|number: &i64| number.to_string() == *word),
            _ => None,
        }
    }

    /// Text, wherever it came from.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Word(text) => Some(text),
            _ => None,
        }
    }
}

/// A type that an attribute's value can have.
pub trait Attribute: Sized {
    /// What a value must be: completes "`limit` must be …".
    const EXPECTED: &'static str;

    /// None when the value is anything else.
    fn parse(value: &Value) -> Option<Self>;
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

/// How a field of an input struct takes its value: a plain type is required, an `Option` may be absent, a [`Field`] may
/// be absent or null.
pub trait FromAttribute: Sized {
    /// The value of the attribute `name`, None when it was not sent. Errors when it is required or wrong.
    fn from_attribute(name: &str, value: Option<Value>) -> Result<Self, Error>;
}

impl<T: Attribute> FromAttribute for T {
    fn from_attribute(name: &str, value: Option<Value>) -> Result<Self, Error> {
        let value = value.ok_or_else(|| Error::missing(name, T::EXPECTED))?;
        T::parse(&value).ok_or_else(|| Error::invalid(name, T::EXPECTED))
    }
}

impl<T: Attribute> FromAttribute for Option<T> {
    fn from_attribute(name: &str, value: Option<Value>) -> Result<Self, Error> {
        value.map(|value| T::from_attribute(name, Some(value))).transpose()
    }
}

impl<T: Attribute> FromAttribute for Field<T> {
    fn from_attribute(name: &str, value: Option<Value>) -> Result<Self, Error> {
        match value {
            None => Ok(Self::Absent),
            Some(Value::Null) => Ok(Self::Null),
            Some(value) => match T::parse(&value) {
                Some(value) => Ok(Self::Value(value)),
                None => Err(Error::invalid(name, &[T::EXPECTED, ", or null"].concat())),
            },
        }
    }
}

/// What an endpoint takes, in its query or in its body.
pub trait Input: Sized {
    /// The names of its attributes.
    const NAMES: &'static [&'static str];
    /// Attributes that the object has, but that can't be set here.
    const READ_ONLY: &'static [&'static str] = &[];

    /// Takes them out. Errors when one is missing or wrong.
    fn take(attributes: &mut Attributes) -> Result<Self, Error>;
}

/// Defines an input struct: the names of its fields are the names of the attributes, their types say what is right.
/// After `beside` come the names of the object's attributes, of which those that are no field are read-only.
macro_rules! input {
    (
        $(#[$about:meta])*
        pub struct $name:ident $(beside $read_only:ident)? { $($(#[$doc:meta])* pub $field:ident: $type:ty,)* }
    ) => {
        $(#[$about])*
        pub struct $name { $($(#[$doc])* pub $field: $type,)* }

        impl $crate::input::attributes::Input for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];
            $(const READ_ONLY: &'static [&'static str] = $read_only;)?

            fn take(
                attributes: &mut $crate::input::attributes::Attributes,
            ) -> Result<Self, $crate::http::error::Error> {
                Ok(Self { $($field: attributes.take(stringify!($field))?,)* })
            }
        }
    };
}
pub(crate) use input;

/// For a query or a body without attributes.
#[derive(Debug)]
pub struct Nothing;

impl Input for Nothing {
    const NAMES: &'static [&'static str] = &[];

    fn take(_: &mut Attributes) -> Result<Self, Error> {
        Ok(Self)
    }
}

/// The attributes of one query or one body, in the order sent, each name once. They are few: callers without
/// a valid token get here too, so the time must be in proportion to what was sent, in spite of the search for names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(String, Value)>);

impl Attributes {
    /// How many there can be.
    pub const MAX: usize = 64;

    /// A query string, without its `?`. An empty value is a value there: nothing to clear.
    pub fn of_query(query: &str) -> Result<Self, Error> {
        Self::of_pairs("query", query.as_bytes(), Value::Word)
    }

    /// A body of type `application/x-www-form-urlencoded` (URL standard, section 5.1). An empty value is `null`.
    pub fn of_form(body: &[u8]) -> Result<Self, Error> {
        Self::of_pairs("body", body, |word| if word.is_empty() { Value::Null } else { Value::Word(word) })
    }

    fn of_pairs(place: &str, bytes: &[u8], value: impl Fn(String) -> Value) -> Result<Self, Error> {
        let mut attributes = Self::default();
        for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            attributes.one_more(place)?;
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

    /// The names and values of a query, in the order sent.
    pub fn words(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_text()?)))
    }

    /// Checks that one more may be added. Errors when there are as many as a query or a body can have.
    pub fn one_more(&self, place: &str) -> Result<(), Error> {
        if self.0.len() < Self::MAX {
            return Ok(());
        }
        let message = ["The ", place, " must have at most 64 parameters."].concat();
        Err(Error::new(Code::ParametersTooMany, message))
    }

    /// Adds an attribute. Errors when it is there already.
    pub fn insert(&mut self, name: String, value: Value) -> Result<(), Error> {
        if self.0.iter().any(|(sent, _)| *sent == name) {
            let message = [&quoted(&name, "Parameter"), " was sent more than once. Send it once."].concat();
            return Err(Error::for_param(Code::ParameterDuplicate, &name, message));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Takes one attribute out, as the type that it must have.
    pub fn take<T: FromAttribute>(&mut self, name: &str) -> Result<T, Error> {
        T::from_attribute(name, self.remove(name))
    }

    /// Compiled once, not for each type.
    #[inline(never)]
    fn remove(&mut self, name: &str) -> Option<Value> {
        let index = self.0.iter().position(|(sent, _)| sent == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// All of them as an endpoint's input. Errors when one is unknown, missing or wrong: nothing is silently ignored.
    /// An unknown one comes first, because it may be a required one misspelt.
    pub fn parse<T: Input>(mut self) -> Result<T, Error> {
        let Some((name, _)) = self.0.iter().find(|(name, _)| !T::NAMES.contains(&name.as_str())) else {
            return T::take(&mut self);
        };
        let supported = match T::NAMES {
            [] => "None is supported here.".to_owned(),
            names => ["Supported: ", &names.join(", "), "."].concat(),
        };
        Err(if T::READ_ONLY.contains(&name.as_str()) {
            let message = [&quoted(name, "Parameter"), " can't be set here. ", &supported].concat();
            Error::for_param(Code::ParameterImmutable, name, message)
        } else {
            let message = [&quoted(name, "Unknown parameter"), ". ", &supported].concat();
            Error::for_param(Code::ParameterUnknown, name, message)
        })
    }
}

/// A name that a caller made up, as a message can show it.
fn quoted(name: &str, noun: &str) -> String {
    let printable = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if printable { [noun, " `", name, "`"].concat() } else { noun.to_owned() }
}

fn malformed_encoding(name: &str) -> Error {
    let rule = " is not valid percent-encoded UTF-8. Write a literal % as %25.";
    Error::for_param(Code::ParameterInvalid, name, [&quoted(name, "Parameter"), rule].concat())
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
    use crate::input::values::{Reference, Timestamp};

    const FIELDS: &[&str] = &["id", "is_pinned", "contact_id"];

    input! {
        #[derive(Debug, PartialEq)]
        pub struct Example beside FIELDS {
            pub is_pinned: Option<bool>,
            pub contact_id: Reference,
            pub archived_at: Field<Timestamp>,
        }
    }

    fn form(text: &str) -> Result<Example, Error> {
        Attributes::of_form(text.as_bytes())?.parse()
    }

    fn code(text: &str) -> Option<Code> {
        form(text).err().map(|error| error.code)
    }

    #[test]
    fn pairs_are_decoded_as_browsers_and_curl_encode_them() {
        let attributes = Attributes::of_query("a=1+2&b=%C3%A9&&c&d=x=y").unwrap();
        let word = |text: &str| Value::Word(text.to_owned());
        assert_eq!(
            attributes.0,
            [("a", word("1 2")), ("b", word("é")), ("c", word("")), ("d", word("x=y"))].map(|(n, v)| (n.to_owned(), v))
        );
    }

    #[test]
    fn malformed_encoding_is_refused() {
        for bad in ["limit=%", "limit=%2", "limit=%zz", "limit=%ff", "limit=%+1"] {
            let error = Attributes::of_query(bad).unwrap_err();
            assert_eq!(error.code, Code::ParameterInvalid, "{bad}");
        }
    }

    #[test]
    fn there_are_at_most_64_and_the_65th_is_not_decoded() {
        let names: Vec<_> = (0..65).map(|number| format!("a{number}")).collect();
        let (most, more) = (names[..64].join("&&"), names.join("&"));
        assert!(Attributes::of_query(&most).is_ok());
        for bad in [&more, &[&most, "&a0"].concat(), &[&most, "&%zz"].concat()] {
            let error = Attributes::of_form(bad.as_bytes()).unwrap_err();
            assert_eq!(error.code, Code::ParametersTooMany, "{bad}");
        }
    }

    #[test]
    fn an_attribute_sent_twice_is_refused() {
        let error = Attributes::of_query("a=1&%61=1").unwrap_err();
        assert_eq!(error.code, Code::ParameterDuplicate);
    }

    #[test]
    fn a_number_is_digits_alone() {
        for (word, expected) in [("1", Some(1)), ("100", Some(100)), ("-1", Some(-1))] {
            assert_eq!(Value::Word(word.to_owned()).as_integer(), expected);
        }
        for bad in ["", "+1", "01", "1.0", "1e1", "ten", "1\0", "99999999999999999999"] {
            assert_eq!(Value::Word(bad.to_owned()).as_integer(), None, "{bad}");
        }
    }

    #[test]
    fn a_plain_field_is_required_and_an_option_is_not() {
        assert_eq!(form("contact_id=bob").map(|input| input.is_pinned).ok(), Some(None));
        assert_eq!(code("is_pinned=true"), Some(Code::ParameterMissing));
        assert_eq!(code("contact_id=bob&is_pinned="), Some(Code::ParameterInvalid), "null is no boolean");
    }

    #[test]
    fn an_empty_value_of_a_form_clears_a_nullable_field() {
        let archived = |text: &str| form(&["contact_id=bob", text].concat()).map(|input| input.archived_at).ok();
        assert_eq!(archived(""), Some(Field::Absent));
        assert_eq!(archived("&archived_at="), Some(Field::Null));
        assert!(archived("&archived_at=5").is_some_and(|field| field.value().is_some()));
        assert!(Attributes::of_query("archived_at=").unwrap().take::<Field<Timestamp>>("archived_at").is_err());
    }

    #[test]
    fn what_the_struct_does_not_name_is_refused() {
        assert_eq!(code("contact_id=bob&nonsense=1"), Some(Code::ParameterUnknown));
        assert_eq!(code("nonsense=1"), Some(Code::ParameterUnknown), "it may be contact_id misspelt");
        assert_eq!(code("contact_id=bob&id=1"), Some(Code::ParameterImmutable));
        assert!(Attributes::of_query("a=1").unwrap().parse::<Nothing>().is_err());
        assert!(Attributes::default().parse::<Nothing>().is_ok());
    }
}
