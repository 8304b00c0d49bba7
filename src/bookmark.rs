//! `X-D1-Bookmark`: how fresh the data must be that a request reads (contract, "Near and far").

use crate::{
    auth::caller::Caller,
    http::{SPACE, error::Error},
    shard::Shard,
};

/// A state of a database, as D1 names it, and which database that is: `0.00000085-…`.
#[derive(Debug, PartialEq, Eq)]
pub struct Bookmark {
    shard: Shard,
    state: String,
}

/// What D1 calls the state that the primary is in.
pub const FIRST_PRIMARY: &str = "first-primary";

/// The lengths of the hexadecimal numbers that D1's bookmarks have, separated by hyphens. D1 itself takes any text.
const LENGTHS: [usize; 4] = [8, 8, 8, 32];

impl Bookmark {
    /// The name of the header.
    pub const HEADER: &str = "X-D1-Bookmark";

    /// Reads the header.
    pub fn parse(value: &str) -> Result<Self, Error> {
        let bookmark = value.trim_matches(SPACE).split_once('.').and_then(|(shard, state)| {
            let is_state = state.split('-').map(str::len).eq(LENGTHS)
                && state.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
            Some(Self { shard: Shard::parse(shard).filter(|_| is_state)?, state: state.to_owned() })
        });
        bookmark.ok_or_else(invalid)
    }

    /// The header's text for a state of a database.
    pub fn text(shard: Shard, state: &str) -> String {
        [&shard.number().to_string(), ".", state].concat()
    }

    /// The state that a request of this caller must see. A bookmark from before the account has moved asks for nothing:
    /// what it stands for has moved too.
    pub fn state(self, caller: &Caller) -> Result<String, Error> {
        let has_moved = caller.token.as_ref().is_some_and(|token| token.shard() != caller.shard);
        match self.shard == caller.shard {
            true => Ok(self.state),
            false if has_moved => Ok(FIRST_PRIMARY.to_owned()),
            false => Err(invalid()),
        }
    }
}

fn invalid() -> Error {
    Error::invalid(Bookmark::HEADER, "the value of this header in an earlier response to the same token, unchanged")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{scopes::Scope, token::Token};

    const STATE: &str = "00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683";

    fn caller(shard: &str) -> Caller {
        let token = Token::random(Shard::parse(shard).unwrap()).unwrap();
        Caller::authenticate(Some(&format!("Bearer {}", token.reveal())), Some(Scope::MessagesRead)).unwrap()
    }

    #[test]
    fn a_bookmark_is_read_as_it_was_written() {
        for shard in ["0", "1", "9999"] {
            let text = Bookmark::text(Shard::parse(shard).unwrap(), STATE);
            assert_eq!(text, format!("{shard}.{STATE}"));
            assert_eq!(Bookmark::parse(&text).unwrap().state(&caller(shard)).unwrap(), STATE);
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        let long = format!("0.{STATE}0");
        let capital = format!("0.{}", STATE.to_uppercase());
        let letter = format!("0.{}", STATE.replace("8e", "8g"));
        let bad = ["", "0", STATE, "first-primary", "0.first-primary", "0.", "10000.x", &long, &capital, &letter];
        for value in bad {
            assert!(Bookmark::parse(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_bookmark_is_of_one_database() {
        let bookmark = || Bookmark::parse(&format!("1.{STATE}")).unwrap();
        assert!(bookmark().state(&caller("0")).is_err());
        assert!(bookmark().state(&caller("2")).is_err());
        let moved = Caller { shard: Shard::from(2), ..caller("1") };
        assert_eq!(bookmark().state(&moved).unwrap(), FIRST_PRIMARY);
    }
}
