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

/// Where attributes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the query string.
    Query,
    /// In the body.
    Body,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Body => "body",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Query => Self::Body,
            Self::Body => Self::Query,
        }
    }
}

/// The names of the attributes that an endpoint takes, and of those that it does not let be set.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    query: &'static [&'static str],
    body: &'static [&'static str],
    read_only: &'static [&'static str],
}

impl Names {
    /// Those of an endpoint with these inputs.
    pub fn of<Query: Input, Body: Input>() -> Self {
        Self { query: Query::NAMES, body: Body::NAMES, read_only: Body::READ_ONLY }
    }

    fn at(&self, place: Place) -> &'static [&'static str] {
        match place {
            Place::Query => self.query,
            Place::Body => self.body,
        }
    }

    /// Why a name is not known here, and what may be meant by it.
    fn refusal(&self, place: Place, name: &str) -> Error {
        let supported = match self.at(place) {
            [] => [" No parameter is supported in the ", place.name(), "."].concat(),
            names => [" Supported in the ", place.name(), ": ", &names.join(", "), "."].concat(),
        };
        if place == Place::Body && self.read_only.contains(&name) {
            let message = [&quoted(name, "Parameter"), " can't be set here.", &supported].concat();
            return Error::for_param(Code::ParameterImmutable, name, message);
        }
        let other = place.other();
        let meant = |place| self.at(place).iter().find(|known| looks_like(known, name));
        let message = if self.at(other).contains(&name) {
            [&quoted(name, "Parameter"), " belongs in the ", other.name(), ", not in the ", place.name(), "."].concat()
        } else if let Some(known) = meant(place) {
            [&quoted(name, "Unknown parameter"), ". Did you mean `", known, "`?", &supported].concat()
        } else if let Some(known) = meant(other) {
            let hint = [". Did you mean `", known, "`, in the ", other.name(), "?"];
            [quoted(name, "Unknown parameter"), hint.concat(), supported].concat()
        } else {
            [&quoted(name, "Unknown parameter"), ".", &supported].concat()
        };
        Error::for_param(Code::ParameterUnknown, name, message)
    }
}

/// Whether a name differs from a known one only by its case and by what is neither a letter nor a digit: `Limit`,
/// `starting-after`, `contactId`, `types[]`.
fn looks_like(known: &str, name: &str) -> bool {
    let letters = |text: &str| -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).collect()
    };
    letters(known) == letters(name)
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
        Self::of_pairs(Place::Query, query.as_bytes(), Value::Word)
    }

    /// A body of type `application/x-www-form-urlencoded` (URL standard, section 5.1). An empty value is `null`.
    pub fn of_form(body: &[u8]) -> Result<Self, Error> {
        Self::of_pairs(Place::Body, body, |word| if word.is_empty() { Value::Null } else { Value::Word(word) })
    }

    fn of_pairs(place: Place, bytes: &[u8], value: impl Fn(String) -> Value) -> Result<Self, Error> {
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
    pub fn one_more(&self, place: Place) -> Result<(), Error> {
        if self.0.len() < Self::MAX {
            return Ok(());
        }
        let message = ["The ", place.name(), " must have at most 64 parameters."].concat();
        Err(Error::new(Code::ParametersTooMany, message))
    }

    /// Adds an attribute. Errors when it is there already.
    pub fn insert(&mut self, name: String, value: Value) -> Result<(), Error> {
        if self.0.iter().any(|(sent, _)| *sent == name) {
            let message = [
                &quoted(&name, "Parameter"),
                " was sent more than once. Send it once: several values go into one parameter.",
            ]
            .concat();
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

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Errors when one is unknown, or can't be set: nothing is silently ignored.
    pub fn reject_unknown(&self, place: Place, names: &Names) -> Result<(), Error> {
        match self.0.iter().find(|(name, _)| !names.at(place).contains(&name.as_str())) {
            Some((name, _)) => Err(names.refusal(place, name)),
            None => Ok(()),
        }
    }
}

/// A name that a caller made up, as a message can show it.
pub fn quoted(name: &str, noun: &str) -> String {
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
    use crate::{
        input::values::{Reference, Timestamp},
        paging::Plain,
    };

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
        let mut attributes = Attributes::of_form(text.as_bytes())?;
        attributes.reject_unknown(Place::Body, &Names::of::<Plain, Example>())?;
        Example::take(&mut attributes)
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
        let none = Names::of::<Nothing, Nothing>();
        assert!(Attributes::of_query("a=1").unwrap().reject_unknown(Place::Query, &none).is_err());
        assert!(Attributes::default().reject_unknown(Place::Query, &none).is_ok());
    }

    #[test]
    fn a_refusal_says_what_may_be_meant() {
        let names = Names::of::<Plain, Example>();
        let refusal = |place, name: &str| {
            let error = names.refusal(place, name);
            (error.code, error.message().to_owned())
        };
        let in_query = " Supported in the query: limit, starting_after, ending_before.";
        let in_body = " Supported in the body: is_pinned, contact_id, archived_at.";
        for (place, name, expected) in [
            (Place::Query, "contact_id", "Parameter `contact_id` belongs in the body, not in the query.".to_owned()),
            (Place::Body, "limit", "Parameter `limit` belongs in the query, not in the body.".to_owned()),
            (Place::Query, "Limit", ["Unknown parameter `Limit`. Did you mean `limit`?", in_query].concat()),
            (Place::Body, "contactId", ["Unknown parameter `contactId`. Did you mean `contact_id`?", in_body].concat()),
            (
                Place::Body,
                "starting-after",
                ["Unknown parameter `starting-after`. Did you mean `starting_after`, in the query?", in_body].concat(),
            ),
            (Place::Query, "id", ["Unknown parameter `id`.", in_query].concat()),
            (Place::Query, "é", ["Unknown parameter.", in_query].concat()),
        ] {
            assert_eq!(refusal(place, name), (Code::ParameterUnknown, expected), "{name}");
        }
        let expected = ["Parameter `id` can't be set here.", in_body].concat();
        assert_eq!(refusal(Place::Body, "id"), (Code::ParameterImmutable, expected));
        let none = Names::of::<Nothing, Nothing>().refusal(Place::Body, "x");
        assert_eq!(none.message(), "Unknown parameter `x`. No parameter is supported in the body.");
    }
}
