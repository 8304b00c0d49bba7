//! A token's text and its hash. Contract, "Accounts and tokens".

use std::fmt;

use base16ct::lower::encode_string as hexadecimal;
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use sha2::{Digest, Sha256};

use crate::id::base62;

/// A well-formed token as sent: the secret itself, which no log, no error and no `Debug` output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// `self_`, 30 random base62 characters, and their CRC32 as 6 base62 characters: a wrong checksum is refused here,
    /// without asking the database.
    pub fn parse(token: &str) -> Option<Self> {
        let (random, checksum) = token.strip_prefix("self_")?.split_at_checked(30)?;
        let valid = random.bytes().all(|byte| byte.is_ascii_alphanumeric()) && checksum == checksum_of(random);
        valid.then(|| Self(token.to_owned()))
    }

    /// A new token of 178 bits, which can be computed from this one and the salt, but not from one of the two alone.
    /// The same salt gives the same token: so a retry can be answered although the new token was never stored.
    pub fn derive(&self, salt: &str) -> Self {
        let digest = Sha256::digest(format!("{} {salt}", self.0));
        let random: String = digest
            .chunks_exact(8)
            .zip([8, 8, 7, 7])
            .map(|(bytes, width)| base62(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), width))
            .collect();
        let checksum = checksum_of(&random);
        Self(["self_", &random, &checksum].concat())
    }

    /// What the database knows it by.
    pub fn hash(&self) -> TokenHash {
        TokenHash(hexadecimal(&Sha256::digest(&self.0)))
    }

    /// The secret, for the one response that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

fn checksum_of(random: &str) -> String {
    // Without a table: 30 bytes don't earn its kilobyte of wasm.
    const CRC32: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);
    base62(CRC32.checksum(random.as_bytes()).into(), 6)
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
    fn a_derived_token_depends_on_its_parent_and_on_the_salt() {
        let [one, other] = ["0", "1"].map(|digit| Token(format!("self_{}", digit.repeat(36))));
        let derived = one.derive("salt");
        assert!(Token::parse(derived.reveal()).is_some(), "{}", derived.reveal());
        assert_eq!(derived, one.derive("salt"));
        assert_ne!(derived, one.derive("pepper"));
        assert_ne!(derived, other.derive("salt"));
    }

    #[test]
    fn debug_output_has_no_secret() {
        let token = Token::parse(VALID).unwrap();
        assert_eq!(format!("{token:?} {:?}", token.hash()), "Token(…) TokenHash(…)");
    }
}
