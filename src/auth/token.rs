//! A token's text and its hash. Contract, "Accounts and tokens".

use std::fmt;

use base16ct::lower::encode_string as hexadecimal;
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use sha2::{Digest, Sha256};

use crate::{clock::digits, id::base62, shard::Shard};

/// How many characters of a token are random. The six after them are their checksum.
const RANDOM_DIGITS: usize = 30;

/// A well-formed token as sent: the secret itself, which no log, no error and no `Debug` output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    shard: Shard,
}

impl Token {
    /// `self_`, 30 random base62 characters, and their CRC32 as 6 base62 characters: a wrong checksum is refused here,
    /// without asking the database. The token of an account that was made in another database than `DB` has the number
    /// of that database and `_` before the random characters, which the checksum covers too.
    pub fn parse(token: &str) -> Option<Self> {
        let rest = token.strip_prefix("self_")?;
        let (prefix, shard) = match rest.split_once('_') {
            Some((number, _)) => (number.len() + 1, Shard::parse(number).filter(|shard| *shard != Shard::FIRST)?),
            None => (0, Shard::FIRST),
        };
        let (covered, checksum) = rest.split_at_checked(prefix + RANDOM_DIGITS)?;
        let random = covered.get(prefix..)?;
        let valid = random.bytes().all(|byte| byte.is_ascii_alphanumeric()) && checksum == checksum_of(covered);
        valid.then(|| Self { text: token.to_owned(), shard })
    }

    /// A new token of 178 random bits, for an account in this database. Errors when the platform has no randomness to
    /// give.
    pub fn random(shard: Shard) -> Result<Self, getrandom::Error> {
        let mut random = String::with_capacity(RANDOM_DIGITS);
        while random.len() < RANDOM_DIGITS {
            let mut bytes = [0; 64];
            getrandom::fill(&mut bytes)?;
            // Six bits of each byte. Two of their 64 values stand for no digit, so all digits are equally likely.
            let digits = bytes.iter().filter_map(|byte| digits!().as_bytes().get(usize::from(byte & 63)));
            random.extend(digits.take(RANDOM_DIGITS - random.len()).map(|digit| char::from(*digit)));
        }
        let covered = if shard == Shard::FIRST { random } else { [&shard.number().to_string(), "_", &random].concat() };
        let checksum = checksum_of(&covered);
        Ok(Self { text: ["self_", &covered, &checksum].concat(), shard })
    }

    /// The database that it names.
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// What the database knows it by.
    pub fn hash(&self) -> TokenHash {
        TokenHash(hexadecimal(&Sha256::digest(&self.text)))
    }

    /// The secret, for the one response that shows it.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

fn checksum_of(covered: &str) -> String {
    // Without a table: 30 bytes don't earn its kilobyte of wasm.
    const CRC32: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);
    base62(CRC32.checksum(covered.as_bytes()).into(), 6)
}

/// SHA-256 of a token, in lower-case hexadecimal: all that is stored of one.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash of no token: it opens nothing.
    pub fn none() -> Self {
        Self(String::new())
    }

    /// The hash as the database has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    const VALID: &str = "self_0123456789ABCDEFGHIJabcdefghij4Us3aw";

    #[test]
    fn a_token_is_known_by_its_sha256() {
        let hash = Token::parse(VALID).map(|token| token.hash().0).unwrap();
        assert_eq!(hash, hexadecimal(&Sha256::digest(VALID)));
        assert_eq!(hash.len(), 64);
        assert!(hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{hash}");
    }

    #[test]
    fn one_wrong_character_is_a_wrong_checksum() {
        assert!(Token::parse(VALID).is_some());
        for index in 5..VALID.len() {
            let changed: String = VALID
                .chars()
                .enumerate()
                .map(|(at, c)| if at == index { if c == 'x' { 'y' } else { 'x' } } else { c })
                .collect();
            assert!(Token::parse(&changed).is_none(), "{changed}");
        }
    }

    #[test]
    fn anything_else_is_no_token() {
        for bad in
            ["", "x", "self_", "self_é", &format!("{VALID}x"), VALID.trim_start_matches("self_"), &"x".repeat(10_000)]
        {
            assert!(Token::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn new_tokens_are_well_formed_and_differ() {
        let tokens: Vec<_> = (0..1000).flat_map(|_| Token::random(Shard::FIRST)).collect();
        for token in &tokens {
            assert!(Token::parse(token.reveal()).is_some(), "{}", token.reveal());
        }
        let different: HashSet<_> = tokens.iter().map(Token::reveal).collect();
        assert_eq!(different.len(), 1000);
    }

    #[test]
    fn a_token_names_the_database_of_its_account() {
        for (number, start) in [(0, "self_"), (1, "self_1_"), (42, "self_42_"), (9999, "self_9999_")] {
            let token = Token::random(Shard::from(number)).unwrap();
            let text = token.reveal();
            assert!(text.starts_with(start) && text.len() == start.len() + 36, "{text}");
            assert_eq!(Token::parse(text).map(|token| token.shard()), Some(Shard::from(number)), "{text}");
            for other in ["self_", "self_0_", "self_2_", "self_01_", "self_10000_", "self__", "self_1__"] {
                let changed = text.replacen(start, other, 1);
                assert!(changed == text || Token::parse(&changed).is_none(), "{changed}");
            }
        }
    }

    #[test]
    fn every_digit_of_a_new_token_is_equally_likely() {
        const TOKENS: u32 = 20_000;
        let mut counts = HashMap::new();
        for token in (0..TOKENS).flat_map(|_| Token::random(Shard::FIRST)) {
            for digit in token.reveal().bytes().skip(5).take(30) {
                *counts.entry(digit).or_insert(0_u32) += 1;
            }
        }
        assert_eq!(counts.len(), 62);
        // Some 9677 of each, with a standard deviation of 98: this is ten of them. A byte modulo 62 would give 11718 of
        // the first eight digits and 9375 of the others.
        let expected = TOKENS * 30 / 62;
        for (digit, count) in counts {
            assert!(count.abs_diff(expected) < 980, "{count} times {}", char::from(digit));
        }
    }

    #[test]
    fn debug_output_has_no_secret() {
        let token = Token::parse(VALID).unwrap();
        assert_eq!(format!("{token:?} {:?}", token.hash()), "Token(…) TokenHash(…)");
    }
}
