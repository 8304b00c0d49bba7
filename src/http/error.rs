//! The one error type and its one envelope (contract, "Errors").
//! What a caller may read is in `message`; what only the log may hold is in `cause`.

use std::borrow::Cow;

use serde::Serialize;

use crate::http::response::Response;

/// What went wrong, as a caller's program sees it. The documentation page has a section for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A required attribute is absent.
    ParameterMissing,
    /// The endpoint has no such attribute.
    ParameterUnknown,
    /// The attribute's value is not one it can have.
    ParameterInvalid,
    /// The attribute was sent twice.
    ParameterDuplicate,
    /// The attribute exists but can't be set here.
    ParameterImmutable,
    /// More attributes than a query or a body can have.
    ParametersTooMany,
    /// The body is not what its content type says.
    BodyMalformed,
    /// No bearer token.
    TokenMissing,
    /// A token that is malformed, unknown, expired or revoked.
    TokenInvalid,
    /// A valid token without the scope that the endpoint needs.
    ScopeInsufficient,
    /// The account has as much as its quota allows.
    QuotaExceeded,
    /// Plain HTTP, which the network between can read.
    HttpsRequired,
    /// The id names no object of this account.
    ResourceMissing,
    /// No endpoint has this path.
    PathUnknown,
    /// The path has no such method.
    MethodNotAllowed,
    /// The body is larger than the endpoint takes.
    BodyTooLarge,
    /// The body is neither a form nor JSON.
    MediaTypeUnsupported,
    /// The token has a successor that is valid.
    TokenRotated,
    /// The log of events does not have the position.
    PositionExpired,
    /// `If-Match` does not name the object's state.
    PreconditionFailed,
    /// The `Idempotency-Key` came with another request before.
    IdempotencyKeyReused,
    /// More requests than a limit allows.
    RateLimited,
    /// A fault of this service.
    InternalError,
    /// The database did not answer.
    DatabaseUnavailable,
    /// The service is set up without webhooks.
    WebhooksUnavailable,
}

impl Code {
    /// The code as callers see it, and its HTTP status.
    fn name_and_status(self) -> (&'static str, u16) {
        match self {
            Self::ParameterMissing => ("parameter_missing", 400),
            Self::ParameterUnknown => ("parameter_unknown", 400),
            Self::ParameterInvalid => ("parameter_invalid", 400),
            Self::ParameterDuplicate => ("parameter_duplicate", 400),
            Self::ParameterImmutable => ("parameter_immutable", 400),
            Self::ParametersTooMany => ("parameters_too_many", 400),
            Self::BodyMalformed => ("body_malformed", 400),
            Self::TokenMissing => ("token_missing", 401),
            Self::TokenInvalid => ("token_invalid", 401),
            Self::ScopeInsufficient => ("scope_insufficient", 403),
            Self::QuotaExceeded => ("quota_exceeded", 403),
            Self::HttpsRequired => ("https_required", 403),
            Self::ResourceMissing => ("resource_missing", 404),
            Self::PathUnknown => ("path_unknown", 404),
            Self::MethodNotAllowed => ("method_not_allowed", 405),
            Self::TokenRotated => ("token_rotated", 409),
            Self::PositionExpired => ("position_expired", 410),
            Self::PreconditionFailed => ("precondition_failed", 412),
            Self::BodyTooLarge => ("body_too_large", 413),
            Self::MediaTypeUnsupported => ("media_type_unsupported", 415),
            Self::IdempotencyKeyReused => ("idempotency_key_reused", 422),
            Self::RateLimited => ("rate_limited", 429),
            Self::InternalError => ("internal_error", 500),
            Self::DatabaseUnavailable => ("database_unavailable", 503),
            Self::WebhooksUnavailable => ("webhooks_unavailable", 503),
        }
    }

    /// The code as callers see it.
    pub fn name(self) -> &'static str {
        self.name_and_status().0
    }

    /// The HTTP status that goes with the code.
    pub fn status(self) -> u16 {
        self.name_and_status().1
    }
}

/// Why a request failed.
#[derive(Clone, Debug)]
pub struct Error {
    /// The documented code, which decides the status.
    pub code: Code,
    message: Cow<'static, str>,
    param: Option<String>,
    headers: Vec<(&'static str, Cow<'static, str>)>,
    /// For the log alone: what the platform or the database said.
    pub cause: Option<String>,
}

/// The error object, as callers see it.
#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'a str,
    code: &'a str,
    message: &'a str,
    param: Option<&'a str>,
    documentation_url: &'a str,
    request_id: &'a str,
}

impl Error {
    /// An error without an attribute at fault.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), param: None, headers: Vec::new(), cause: None }
    }

    /// An error of one attribute. Its name is cut to 64 characters: it may be anything that a caller sent.
    pub fn for_param(code: Code, param: &str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { param: Some(param.chars().take(64).collect()), ..Self::new(code, message) }
    }

    /// A wrong value. `expected` says what would be right: "a whole number from 1 to 100".
    pub fn invalid(param: &str, expected: &str) -> Self {
        Self::for_param(Code::ParameterInvalid, param, ["`", param, "` must be ", expected, "."].concat())
    }

    /// A required attribute is absent. `expected` says what it must be.
    pub fn missing(param: &str, expected: &str) -> Self {
        Self::for_param(Code::ParameterMissing, param, ["`", param, "` is required (", expected, ")."].concat())
    }

    /// What the caller reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The id in the path names no object of this account: it never existed, was deleted, or belongs to another
    /// account.
    pub fn resource_missing(resource: &str) -> Self {
        let message = ["No such ", resource, ". Check the id in the path; the object may have been deleted."].concat();
        Self::new(Code::ResourceMissing, message)
    }

    /// The id in an attribute names no object of this account.
    pub fn reference_missing(param: &str, resource: &str) -> Self {
        let message = ["No ", resource, " has the id in `", param, "`. It may have been deleted."].concat();
        Self::for_param(Code::ResourceMissing, param, message)
    }

    /// A fault of this service. The caller learns nothing of the cause.
    pub fn internal(cause: impl Into<String>) -> Self {
        const MESSAGE: &str = "Something went wrong on our side. If this continues, contact support with the request \
                               id. A request with an Idempotency-Key can be retried safely.";
        Self::new(Code::InternalError, MESSAGE).with_cause(cause)
    }

    /// Adds a response header: `WWW-Authenticate`, `Allow`, `Retry-After`.
    pub fn with_header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds the entity tag of the state that the object is in.
    pub fn with_tag(self, tag: &str) -> Self {
        self.with_header("etag", ["\"", tag, "\""].concat())
    }

    /// Keeps for the log what the caller must not see.
    pub fn with_cause(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// The response. `origin` is the scheme and host that the request was sent to.
    pub fn into_response(self, origin: &str, request_id: &str) -> Response {
        let (code, status) = self.code.name_and_status();
        // A link that would be refused again helps no caller.
        let (scheme, rest) = match origin.strip_prefix("http:") {
            Some(rest) if self.code == Code::HttpsRequired => ("https:", rest),
            _ => ("", origin),
        };
        let envelope = Envelope {
            r#type: if status < 500 { "invalid_request" } else { "api_error" },
            code,
            message: &self.message,
            param: self.param.as_deref(),
            documentation_url: &[scheme, rest, "/#", code].concat(),
            request_id,
        };
        // Strings have no way to fail to serialize.
        let response = Response::json(status, serde_json::to_string(&envelope).unwrap_or_default());
        self.headers.into_iter().fold(response, |response, (name, value)| response.with(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::response::Body;

    fn body(response: Response) -> String {
        match response.body {
            Body::Json(json) => json,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_envelope_is_one_flat_object() {
        let error = Error::invalid("limit", "a whole number from 1 to 100");
        let response = error.into_response("https://api.self.chat", "r1");
        assert_eq!(response.status, 400);
        assert_eq!(
            body(response),
            concat!(
                r#"{"type":"invalid_request","code":"parameter_invalid","#,
                r#""message":"`limit` must be a whole number from 1 to 100.","param":"limit","#,
                r#""documentation_url":"https://api.self.chat/#parameter_invalid","request_id":"r1"}"#
            )
        );
    }

    #[test]
    fn the_link_of_a_refusal_of_plain_http_is_https() {
        let error = Error::new(Code::HttpsRequired, "no");
        let body = body(error.into_response("http://api.self.chat", "r1"));
        assert!(body.contains(r#""https://api.self.chat/#https_required""#), "{body}");
    }

    #[test]
    fn a_cause_never_reaches_the_caller() {
        let response = Error::internal("no such table: secrets").into_response("", "r1");
        assert_eq!(response.status, 500);
        assert!(!body(response).contains("secrets"));
    }

    #[test]
    fn a_name_at_fault_is_cut_to_64_characters_and_escaped() {
        let error = Error::for_param(Code::ParameterUnknown, &"\"é".repeat(100), "no");
        let body: serde_json::Value = serde_json::from_str(&body(error.into_response("", "r1"))).unwrap();
        assert_eq!(body["param"], "\"é".repeat(32));
    }
}
