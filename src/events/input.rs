//! What a request about events may say.

use crate::{
    http::error::{Code, Error},
    id::Id,
    input::attributes::{Attribute, Value, input},
    paging::Limit,
};

input! {
    /// `GET /v1/events`
    pub struct List {
        /// At most so many.
        pub limit: Option<Limit>,
        /// The page after this position. Absent: from the oldest event that is kept.
        pub starting_after: Option<Start>,
        /// How long to wait for an event if there is none yet.
        pub wait: Option<Wait>,
    }
}

impl List {
    /// Where a stream starts: after the last event that the caller got from an earlier one, else where the query says,
    /// else now. It has neither pages nor an end.
    pub fn start_of_stream(self, last_event_id: Option<&str>) -> Result<Start, Error> {
        const HEADER: &str = "Last-Event-ID";
        for (name, is_sent) in [("limit", self.limit.is_some()), ("wait", self.wait.is_some())] {
            if is_sent {
                let message = ["A stream has no `", name, "`. Leave it out, or accept `application/json`."].concat();
                return Err(Error::for_param(Code::ParameterInvalid, name, message));
            }
        }
        match last_event_id {
            // A stream without an event yet.
            None | Some("") => Ok(self.starting_after.unwrap_or(Start::Now)),
            Some(id) => {
                let position = Position::parse(id).ok_or_else(|| Error::invalid(HEADER, "the id of an event"))?;
                Ok(Start::After(position))
            }
        }
    }
}

/// Where a caller starts to read the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// After the newest event.
    Now,
    /// After this event.
    After(Position),
}

impl Attribute for Start {
    const EXPECTED: &str = "the id of an event, or now";

    fn parse(value: &Value) -> Option<Self> {
        match value.as_text()? {
            "now" => Some(Self::Now),
            id => Position::parse(id).map(Self::After),
        }
    }
}

/// The id of an event: nine hexadecimal digits of its number in the account, and seven characters of its request's id,
/// which tell it from the event of the same number in another history of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The whole id.
    pub id: Id,
    /// The event's number.
    pub seq: i64,
}

impl Position {
    /// None when the text is not the id of an event, whether it names one or not.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Id::parse(text)?;
        let digits = text.get(..9).filter(|digits| !digits.bytes().any(|digit| digit.is_ascii_uppercase()))?;
        Some(Self { seq: i64::from_str_radix(digits, 16).ok()?, id })
    }
}

/// Whole seconds, 1 to 30.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(i64);

impl Wait {
    /// Whole seconds.
    pub fn seconds(self) -> u64 {
        self.0.unsigned_abs()
    }
}

impl Attribute for Wait {
    const EXPECTED: &str = "a whole number of seconds from 1 to 30";

    fn parse(value: &Value) -> Option<Self> {
        value.as_integer().filter(|number| (1..=30).contains(number)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(text: &str) -> Option<Start> {
        Start::parse(&Value::Word(text.to_owned()))
    }

    #[test]
    fn a_position_is_the_id_of_an_event_or_now() {
        assert_eq!(start("now"), Some(Start::Now));
        let seq = |text| match start(text) {
            Some(Start::After(position)) => Some(position.seq),
            _ => None,
        };
        assert_eq!(seq("00000002aAbCdEfG"), Some(42));
        assert_eq!(seq("0000000000000000"), Some(0));
        assert_eq!(seq("fffffffffzzzzzzz"), Some(68_719_476_735));
        for bad in ["", "Now", "42", "00000002AAbCdEfG", "00000002gAbCdEfG", "00000002aAbCdEf", "00000002aAbCdEf-"] {
            assert_eq!(start(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_wait_is_1_to_30_seconds() {
        let wait = |text: &str| Wait::parse(&Value::Word(text.to_owned())).map(Wait::seconds);
        assert_eq!((wait("1"), wait("30")), (Some(1), Some(30)));
        for bad in ["0", "31", "-1", "1.5", "", "now"] {
            assert_eq!(wait(bad), None, "{bad}");
        }
    }
}
