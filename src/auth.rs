//! Who is calling: the `Authorization` header to a token's hash, the token's format, the scopes. Pure.
//! Whether the token is known and good is the database's to say, in the same call as the data.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::{
    error::{Code, Error},
    id::base62,
};

/// What a token may do. The numbers are the bits of `tokens.scopes`. Contract, "Accounts and tokens".
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
}

impl Scope {
    /// The name as callers and operators write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConversationsRead => "conversations:read",
            Self::ConversationsWrite => "conversations:write",
            Self::MessagesRead => "messages:read",
            Self::MessagesWrite => "messages:write",
            Self::TokensWrite => "tokens:write",
        }
    }

    /// Every scope there is.
    pub const ALL: [Self; 5] =
        [Self::ConversationsRead, Self::ConversationsWrite, Self::MessagesRead, Self::MessagesWrite, Self::TokensWrite];

    /// The bit in `tokens.scopes`.
    pub fn bit(self) -> i64 {
        self as i64
    }
}

/// A well-formed token as sent: the secret itself, which no log, no error and no `Debug` output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// `self_`, 30 random base62 characters, and their CRC32 as 6 base62 characters: a wrong checksum is refused here,
    /// without asking the database.
    pub fn parse(token: &str) -> Option<Self> {
        let (random, checksum) = token.strip_prefix("self_")?.split_at_checked(30)?;
        let genuine = random.bytes().all(|byte| byte.is_ascii_alphanumeric()) && checksum == checksum_of(random);
        genuine.then(|| Self(token.to_owned()))
    }

    /// A new token for this one's holder, of 178 bits that nobody knows who doesn't have both this token and the salt.
    /// The same salt gives the same token, so that a repeated request can be answered without its ever being stored.
    pub fn derive(&self, salt: &str) -> Self {
        let digest = Sha256::digest(format!("{} {salt}", self.0));
        let random: String = digest
            .chunks_exact(8)
            .zip([8, 8, 7, 7])
            .map(|(bytes, width)| base62(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), width))
            .collect();
        let checksum = checksum_of(&random);
        Self(format!("self_{random}{checksum}"))
    }

    /// What the database knows it by.
    pub fn hash(&self) -> TokenHash {
        TokenHash(hexadecimal(&Sha256::digest(&self.0)))
    }

    /// The secret, for the one answer that shows it.
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
    base62(u64::from(crc32(random.as_bytes())), 6)
}

/// SHA-256 of a token, in hexadecimal: all that is stored of one.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
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

/// A caller with a well-formed token, and the scope that the endpoint asks of it.
#[derive(Debug)]
pub struct Caller {
    /// The token as sent.
    pub token: Token,
    /// What the database knows it by.
    pub hash: TokenHash,
    /// What the endpoint needs.
    pub scope: Scope,
}

impl Caller {
    /// Somebody without a token, which opens nothing.
    pub fn nobody() -> Self {
        Self { token: Token(String::new()), hash: TokenHash(String::new()), scope: Scope::ConversationsRead }
    }
}

/// The white space of HTTP (RFC 9110, section 5.6.3).
pub const SPACE: [char; 2] = [' ', '\t'];

/// Reads `Authorization: Bearer <token>` (RFC 6750, section 2.1).
pub fn caller(authorization: Option<&str>, scope: Scope) -> Result<Caller, Error> {
    let (scheme, token) = authorization.unwrap_or_default().trim_matches(SPACE).split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(token_missing());
    }
    let token = Token::parse(token.trim_matches(SPACE)).ok_or_else(token_invalid)?;
    Ok(Caller { hash: token.hash(), token, scope })
}

/// The answer to a request without a bearer token. RFC 6750, section 3: no error code.
fn token_missing() -> Error {
    Error::new(Code::TokenMissing, "A token is needed: send it as Authorization: Bearer {token}.")
        .with_header("www-authenticate", r#"Bearer realm="conversations""#)
}

/// The answer to a token that opens nothing: malformed, unknown, expired or revoked alike.
pub fn token_invalid() -> Error {
    Error::new(Code::TokenInvalid, "The token is not valid: it is malformed, unknown, expired or revoked. Send a good one as Authorization: Bearer {token}.")
        .with_header("www-authenticate", r#"Bearer realm="conversations", error="invalid_token""#)
}

/// The answer to a good token without the scope that is needed.
pub fn scope_insufficient(scope: Scope) -> Error {
    let name = scope.name();
    Error::new(Code::ScopeInsufficient, format!("The token lacks the scope {name}. Use one that has it.")).with_header(
        "www-authenticate",
        format!(r#"Bearer realm="conversations", error="insufficient_scope", scope="{name}""#),
    )
}

/// The answer to a good token that asks for another one which may do more, or for longer, than it may itself.
pub fn scopes_insufficient(param: &str, message: &str) -> Error {
    Error::of(Code::ScopeInsufficient, param, message)
        .with_header("www-authenticate", r#"Bearer realm="conversations", error="insufficient_scope""#)
}

/// CRC-32 as zlib and PNG have it (ISO 3309), a bit at a time: 30 bytes don't earn a table.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Two digits a byte, in lower case.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' - 10 + value };
    let mut text = vec![b'0'; 2 * bytes.len()];
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    // Digits are ASCII.
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "self_0123456789ABCDEFGHIJabcdefghij4Us3aw";

    fn code(authorization: Option<&str>) -> Option<Code> {
        caller(authorization, Scope::ConversationsRead).err().map(|error| error.code)
    }

    #[test]
    fn a_checksum_is_zlibs_crc32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn a_good_token_becomes_its_sha256() {
        let random = "0123456789ABCDEFGHIJabcdefghij";
        let token = format!("self_{random}{}", base62(u64::from(crc32(random.as_bytes())), 6));
        let hash = Token::parse(&token).map(|token| token.hash().0).unwrap_or_default();
        assert_eq!(hash.len(), 64);
        assert_eq!(hash, hexadecimal(&Sha256::digest(&token)));
        for header in [format!("Bearer {token}"), format!("bearer   {token}")] {
            assert_eq!(code(Some(&header)), None, "{header}");
        }
    }

    #[test]
    fn sha256_is_written_in_lower_case_hexadecimal() {
        assert_eq!(
            hexadecimal(&Sha256::digest("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn no_bearer_token_is_told_from_a_bad_one() {
        for header in [None, Some(""), Some("Bearer"), Some("Basic dXNlcjpwYXNz"), Some(GOOD)] {
            assert_eq!(code(header), Some(Code::TokenMissing), "{header:?}");
        }
        let long = format!("Bearer {}", "x".repeat(10_000));
        let random = "0123456789ABCDEFGHIJabcdefghij";
        for header in [
            "Bearer x",
            "Bearer self_",
            "Bearer self_é",
            &format!("Bearer \u{a0}self_{random}{}", checksum_of(random)),
            &format!("Bearer {GOOD}x"),
            &format!("Bearer {GOOD}, Bearer {GOOD}"),
            &long,
        ] {
            assert_eq!(code(Some(header)), Some(Code::TokenInvalid), "{header}");
        }
    }

    #[test]
    fn one_wrong_character_is_a_wrong_checksum() {
        let random = "0123456789ABCDEFGHIJabcdefghij";
        let token = format!("self_{random}{}", base62(u64::from(crc32(random.as_bytes())), 6));
        for index in 5..token.len() {
            let changed: String = token
                .chars()
                .enumerate()
                .map(|(at, c)| if at == index { if c == 'x' { 'y' } else { 'x' } } else { c })
                .collect();
            assert!(Token::parse(&changed).is_none(), "{changed}");
        }
    }

    #[test]
    fn a_derived_token_is_well_formed_and_a_matter_of_both_its_parents() {
        let [one, other] = ["0", "1"].map(|digit| Token(format!("self_{}", digit.repeat(36))));
        let derived = one.derive("salt");
        assert!(Token::parse(derived.reveal()).is_some(), "{}", derived.reveal());
        assert_eq!(derived, one.derive("salt"));
        assert_ne!(derived, one.derive("pepper"));
        assert_ne!(derived, other.derive("salt"));
    }

    #[test]
    fn debug_output_has_no_secret() {
        let random = "0123456789ABCDEFGHIJabcdefghij";
        let header = format!("Bearer self_{random}{}", checksum_of(random));
        let shown = format!("{:?}", caller(Some(&header), Scope::ConversationsRead));
        assert!(shown.starts_with("Ok(Caller") && !shown.contains("self_"), "{shown}");
    }
}
