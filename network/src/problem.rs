//! RFC 9457 problems: how a server refuses, with a stable code and a text that helps.

use crate::api::Problem;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use types::JwsError;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

impl Problem {
    /// A problem with a stable `code`, and a `detail` that says what is wrong and what would be right.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("https://bondstore.invalid/problems/{code}"),
            title: code.replace('_', " "),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
        }
    }

    /// 400: the request cannot be understood.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// 401: who is asking has not been shown.
    pub fn unauthorised(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// 403: who is asking may not.
    pub fn forbidden(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404: there is no such thing, or not for who is asking.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 413: the body is longer than `max` bytes.
    pub fn too_large(max: usize) -> Self {
        let detail = format!("the body is too long: at most {max} bytes are taken here");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    /// 503: not now; trying again later is right.
    pub fn unavailable(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
    }

    /// 500: a fault of this server. What happened belongs in its log, not in the answer.
    pub fn internal() -> Self {
        let detail = "the server failed to do this; its operator finds why in its log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }
}

impl From<JwsError> for Problem {
    /// A signed document that is refused: 400 when it cannot be read, 403 when its signature is not right.
    fn from(error: JwsError) -> Self {
        let (status, code) = match error {
            JwsError::Malformed => (StatusCode::BAD_REQUEST, "document_malformed"),
            JwsError::Header { .. } => (StatusCode::BAD_REQUEST, "document_header"),
            JwsError::Payload { .. } => (StatusCode::BAD_REQUEST, "document_payload"),
            JwsError::Signature(_) => (StatusCode::FORBIDDEN, "signature_invalid"),
            JwsError::ForeignSigner { .. } => (StatusCode::FORBIDDEN, "foreign_signer"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("a problem has only string keys");
        let kind = HeaderValue::from_static(PROBLEM_JSON);
        let mut response = (status, [(CONTENT_TYPE, kind)], Bytes::from(body)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().entry(RETRY_AFTER).or_insert(HeaderValue::from_static("1"));
        }
        response
    }
}
