//! Errors as RFC 9457 has them: `application/problem+json`.

use axum::Json;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use reconciler::orders::OrderError;
use reconciler::report::{Remedy, error_text};
use serde_json::json;

use crate::daemon::{CommandError, NoDiff, Stopped};

/// An answer that is not what was asked for: what, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with a status and one sentence, which must hold no secret.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), header: None }
    }

    /// The same, with a header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// 401: who asks must say who they are.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail).with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 408: the body took too long; the rest of it is not read.
    pub(crate) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time; send it at once")
            .with(CONNECTION, HeaderValue::from_static("close"))
    }

    /// 503: not now.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// The same, with the number of seconds after which asking again makes sense.
    pub(crate) fn after(self, seconds: u16) -> Self {
        self.with(RETRY_AFTER, HeaderValue::from(seconds))
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Stopped(stopped) => stopped.into(),
            CommandError::Order(error) if !error.is_wrong() => {
                tracing::error!(error = error_text(&error), "an order was not taken");
                Self::unavailable("the order could not be recorded; the log says why")
            }
            CommandError::Order(error) => {
                let status = match error {
                    OrderError::NoSuchCommit { .. }
                    | OrderError::NoSuchPass { .. }
                    | OrderError::TooFarBack { .. } => StatusCode::NOT_FOUND,
                    OrderError::Ambiguous { .. } => StatusCode::CONFLICT,
                    _ => StatusCode::BAD_REQUEST,
                };
                Self::new(status, error.to_string())
            }
        }
    }
}

impl From<Stopped> for Problem {
    fn from(stopped: Stopped) -> Self {
        Self::unavailable(stopped.to_string()).after(5)
    }
}

impl From<NoDiff> for Problem {
    fn from(none: NoDiff) -> Self {
        let detail = none.to_string();
        match none {
            NoDiff::Stopped(stopped) => stopped.into(),
            NoDiff::Paused { left } => {
                Self::unavailable(detail).after(u16::try_from(left.as_secs() + 1).unwrap_or(u16::MAX))
            }
            NoDiff::Ended { remedy: Remedy::Retry(_), .. } => Self::unavailable(detail),
            // Asking again is of no use before somebody has acted.
            NoDiff::Ended { remedy: Remedy::Person | Remedy::Confirm | Remedy::Resume, .. } => {
                Self::new(StatusCode::CONFLICT, detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, [(CONTENT_TYPE, kind)], Json(body)).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
