//! The one error type and its one envelope (contract, "Errors"). Pure.
//! What a caller may read is in `message`; what only the log may hold is in `cause`.

use crate::response::Response;

/// What went wrong, as a caller's program sees it. The documentation page has a section for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// An attribute that must be there is not.
    ParameterMissing,
    /// The endpoint has no such attribute.
    ParameterUnknown,
    /// The attribute's value is not one it can have.
    ParameterInvalid,
    /// The attribute was sent twice.
    ParameterDuplicate,
    /// The attribute exists and can't be changed here.
    ParameterImmutable,
    /// The body is not what its content type says.
    BodyMalformed,
    /// No bearer token.
    TokenMissing,
    /// A token that is malformed, unknown, expired or revoked.
    TokenInvalid,
    /// A good token without the scope that the endpoint needs.
    ScopeInsufficient,
    /// The id names nothing that this token's account has.
    ResourceMissing,
    /// No endpoint has this path.
    PathUnknown,
    /// The path has no such verb.
    MethodNotAllowed,
    /// The body is larger than the endpoint takes.
    BodyTooLarge,
    /// A body that is neither a form nor JSON.
    MediaTypeUnsupported,
    /// `If-Match` names a state that the object is not in.
    PreconditionFailed,
    /// The `Idempotency-Key` came with another request before.
    IdempotencyKeyReused,
    /// More requests than a limit allows.
    RateLimited,
    /// A fault of this service.
    InternalError,
    /// The database did not answer.
    DatabaseUnavailable,
}

impl Code {
    /// The code as callers see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ParameterMissing => "parameter_missing",
            Self::ParameterUnknown => "parameter_unknown",
            Self::ParameterInvalid => "parameter_invalid",
            Self::ParameterDuplicate => "parameter_duplicate",
            Self::ParameterImmutable => "parameter_immutable",
            Self::BodyMalformed => "body_malformed",
            Self::TokenMissing => "token_missing",
            Self::TokenInvalid => "token_invalid",
            Self::ScopeInsufficient => "scope_insufficient",
            Self::ResourceMissing => "resource_missing",
            Self::PathUnknown => "path_unknown",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::MediaTypeUnsupported => "media_type_unsupported",
            Self::PreconditionFailed => "precondition_failed",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::RateLimited => "rate_limited",
            Self::InternalError => "internal_error",
            Self::DatabaseUnavailable => "database_unavailable",
        }
    }

    /// The HTTP status that goes with the code.
    pub fn status(self) -> u16 {
        match self {
            Self::ParameterMissing
            | Self::ParameterUnknown
            | Self::ParameterInvalid
            | Self::ParameterDuplicate
            | Self::ParameterImmutable
            | Self::BodyMalformed => 400,
            Self::TokenMissing | Self::TokenInvalid => 401,
            Self::ScopeInsufficient => 403,
            Self::ResourceMissing | Self::PathUnknown => 404,
            Self::MethodNotAllowed => 405,
            Self::PreconditionFailed => 412,
            Self::BodyTooLarge => 413,
            Self::MediaTypeUnsupported => 415,
            Self::IdempotencyKeyReused => 422,
            Self::RateLimited => 429,
            Self::InternalError => 500,
            Self::DatabaseUnavailable => 503,
        }
    }
}

/// Why a request failed.
#[derive(Debug)]
pub struct Error {
    /// The documented code, which decides the status.
    pub code: Code,
    message: String,
    param: Option<String>,
    headers: Vec<(&'static str, String)>,
    /// For the log alone: what the platform or the database said.
    pub cause: Option<String>,
}

impl Error {
    /// An error without an attribute at fault.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), param: None, headers: Vec::new(), cause: None }
    }

    /// An error of one attribute. Its name is cut to 64 characters, it may be anything a caller sent.
    pub fn of(code: Code, param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.chars().take(64).collect()), ..Self::new(code, message) }
    }

    /// A wrong value: `<param> must be <what would be right>.`
    pub fn invalid(param: &str, right: &str) -> Self {
        Self::of(Code::ParameterInvalid, param, format!("{param} must be {right}."))
    }

    /// An attribute that must be there is not: `<param> is needed: <what it is>.`
    pub fn missing(param: &str, right: &str) -> Self {
        Self::of(Code::ParameterMissing, param, format!("{param} is needed: {right}."))
    }

    /// The id in the path names nothing of this account: it never existed, is gone, or belongs to somebody else.
    pub fn resource_missing(what: &str) -> Self {
        Self::new(
            Code::ResourceMissing,
            format!("There is no such {what}. Check the id in the path; it may have been deleted."),
        )
    }

    /// The id in an attribute names nothing of this account.
    pub fn reference_missing(param: &str, what: &str) -> Self {
        Self::of(
            Code::ResourceMissing,
            param,
            format!("{param} must name a {what} that exists; it may have been deleted."),
        )
    }

    /// A fault of this service. The caller learns nothing of the cause.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(
                Code::InternalError,
                "Something went wrong here. Quote the request id if it stays; with an Idempotency-Key trying again is safe.",
            )
        }
    }

    /// Adds a response header: `WWW-Authenticate`, `Allow`, `Retry-After`.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Keeps for the log what the caller must not see.
    pub fn with_cause(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// The envelope. `origin` is the scheme and host that the request was sent to.
    pub fn response(self, origin: &str, request_id: &str) -> Response {
        let status = self.code.status();
        let kind = if status < 500 { "invalid_request" } else { "api_error" };
        let code = self.code.name();
        let message = json_string(&self.message);
        let param = self.param.as_deref().map_or_else(|| "null".to_owned(), json_string);
        let documentation_url = json_string(&format!("{origin}/#{code}"));
        let body = format!(
            r#"{{"type":"{kind}","code":"{code}","message":{message},"param":{param},"documentation_url":{documentation_url},"request_id":"{request_id}"}}"#
        );
        let response = Response::json(status, body);
        self.headers.into_iter().fold(response, |response, (name, value)| response.with(name, value))
    }
}

/// Text as JSON. Serializing it has no way to fail.
pub fn json_string(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_is_one_flat_object() {
        let response = Error::invalid("limit", "a whole number from 1 to 100").response("https://api.self.chat", "r1");
        assert_eq!(response.status, 400);
        assert_eq!(
            response.body.as_deref(),
            Some(
                r#"{"type":"invalid_request","code":"parameter_invalid","message":"limit must be a whole number from 1 to 100.","param":"limit","documentation_url":"https://api.self.chat/#parameter_invalid","request_id":"r1"}"#
            )
        );
    }

    #[test]
    fn a_cause_never_reaches_the_caller() {
        let response = Error::internal("no such table: secrets").response("", "r1");
        assert_eq!(response.status, 500);
        assert!(!response.body.unwrap_or_default().contains("secrets"));
    }

    #[test]
    fn a_name_at_fault_is_cut_to_64_characters_and_escaped() {
        let response = Error::of(Code::ParameterUnknown, &"\"é".repeat(100), "no").response("", "r1");
        let body: serde_json::Value = serde_json::from_str(&response.body.unwrap_or_default()).unwrap_or_default();
        assert_eq!(body.get("param").and_then(|param| param.as_str()), Some("\"é".repeat(32).as_str()));
    }
}
