//! The caller of a request: its `Authorization` header, and the refusals that concern it.

use crate::{
    auth::{
        scopes::Scope,
        token::{Token, TokenHash},
    },
    http::{
        SPACE,
        error::{Code, Error},
    },
    shard::{AccountKey, Shard},
};

/// A caller with a well-formed token, and the scope that the endpoint asks of it.
#[derive(Debug)]
pub struct Caller {
    /// The token as sent. None for an endpoint that needs none.
    pub token: Option<Token>,
    /// What the database knows it by.
    pub hash: TokenHash,
    /// What the endpoint needs. None for an endpoint that needs no token.
    pub scope: Option<Scope>,
    /// The database that the account is in: the one that the token names, until another is known.
    pub shard: Shard,
    /// The account, if this isolate remembers it. Only limits depend on it.
    pub account: Option<AccountKey>,
}

impl Caller {
    /// Reads `Authorization: Bearer <token>` (RFC 6750, section 2.1). An endpoint without a scope needs no token.
    pub fn authenticate(authorization: Option<&str>, scope: Option<Scope>) -> Result<Self, Error> {
        if scope.is_none() {
            return Ok(Self { token: None, hash: TokenHash::none(), scope, shard: Shard::FIRST, account: None });
        }
        let authorization = authorization.unwrap_or_default().trim_matches(SPACE);
        let (scheme, token) = authorization.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(token_missing());
        }
        let token = Token::parse(token.trim_matches(SPACE)).ok_or_else(token_invalid)?;
        Ok(Self { hash: token.hash(), shard: token.shard(), token: Some(token), scope, account: None })
    }
}

/// 401 without a bearer token. RFC 6750, section 3: no error code.
fn token_missing() -> Error {
    Error::new(Code::TokenMissing, "A token is required. Send it in the header `Authorization: Bearer {token}`.")
        .with_header("www-authenticate", r#"Bearer realm="conversations""#)
}

/// 401 for a token that opens nothing: malformed, unknown, expired or revoked alike.
pub fn token_invalid() -> Error {
    const MESSAGE: &str = "The token is malformed, unknown, expired or revoked. Send a valid one in the header \
                           `Authorization: Bearer {token}`.";
    Error::new(Code::TokenInvalid, MESSAGE)
        .with_header("www-authenticate", r#"Bearer realm="conversations", error="invalid_token""#)
}

/// 403 for a valid token without the scope that the endpoint needs.
pub fn scope_insufficient(scope: Scope) -> Error {
    let name = scope.name();
    let message = ["The token lacks the scope `", name, "`. Use a token that has it."].concat();
    let header = [r#"Bearer realm="conversations", error="insufficient_scope", scope=""#, name, "\""].concat();
    Error::new(Code::ScopeInsufficient, message).with_header("www-authenticate", header)
}

/// 403 for a valid token that asks for another one which could do more, or for longer, than it can itself.
pub fn token_too_weak(param: &str, message: &'static str) -> Error {
    Error::for_param(Code::ScopeInsufficient, param, message)
        .with_header("www-authenticate", r#"Bearer realm="conversations", error="insufficient_scope""#)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "self_0123456789ABCDEFGHIJabcdefghij4Us3aw";

    fn code(authorization: Option<&str>) -> Option<Code> {
        Caller::authenticate(authorization, Some(Scope::ConversationsRead)).err().map(|error| error.code)
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        for header in [format!("Bearer {VALID}"), format!("bearer   {VALID}"), format!(" BEARER {VALID}\t")] {
            assert_eq!(code(Some(&header)), None, "{header}");
        }
    }

    #[test]
    fn without_a_bearer_token_it_is_missing() {
        for header in [None, Some(""), Some("Bearer"), Some("Basic dXNlcjpwYXNz"), Some(VALID)] {
            assert_eq!(code(header), Some(Code::TokenMissing), "{header:?}");
        }
    }

    #[test]
    fn a_malformed_token_is_invalid() {
        for header in ["Bearer x", &format!("Bearer \u{a0}{VALID}"), &format!("Bearer {VALID}, Bearer {VALID}")] {
            assert_eq!(code(Some(header)), Some(Code::TokenInvalid), "{header}");
        }
    }

    #[test]
    fn an_endpoint_without_a_scope_needs_no_token() {
        assert!(Caller::authenticate(None, None).is_ok_and(|caller| caller.token.is_none()));
    }
}
