//! Failures as `application/problem+json` (RFC 9457). What the caller may know stands in it; the cause goes to the log.

use std::error::Error as _;

use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::request_id::RequestId;
use crate::error::{Code, Error, FieldError};

const PAGES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/errors/");

/// A problem.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The page that says more.
    #[serde(rename = "type")]
    kind: String,
    /// In a few words, the same for every problem of this code.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What, and what to do.
    detail: String,
    /// For programs.
    code: &'static str,
    /// The request's id.
    request_id: String,
    /// The fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// More, by code.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<serde_json::Value>,
}

/// What waits in a response for the request's id.
#[derive(Clone)]
struct Waiting(Problem);

impl IntoResponse for Error {
    fn into_response(mut self) -> Response {
        if let Some(reply) = self.replay.take() {
            return reply.into_response();
        }
        let code = self.code;
        if let Some(cause) = self.source() {
            if code.status() >= 500 {
                tracing::error!("{self}: {cause}");
            } else {
                tracing::debug!("{self}: {cause}");
            }
        }
        let problem = Problem {
            kind: format!("{PAGES}{}.md", code.page()),
            title: code.title(),
            status: code.status(),
            detail: self.detail,
            code: code.as_str(),
            request_id: String::new(),
            errors: self.fields,
            details: self.details.map(|details| *details),
        };
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        if code == Code::Unauthenticated {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Waiting(problem));
        response
    }
}

/// Writes a waiting problem with the request's id; other failures of the framework become problems too.
pub(super) fn finish(mut response: Response, id: &RequestId) -> Response {
    let waiting = response.extensions_mut().remove::<Waiting>();
    let problem = match waiting {
        Some(Waiting(problem)) => problem,
        None if response.headers().contains_key(CONTENT_TYPE) => return response,
        None => {
            let error = match response.status() {
                StatusCode::METHOD_NOT_ALLOWED => Error::new(Code::MethodNotAllowed, "the header Allow says which do"),
                status if status.is_client_error() || status.is_server_error() => Error::bug("answer"),
                _ => return response,
            };
            let allow = response.headers().get(ALLOW).cloned();
            let mut other = finish(error.into_response(), id);
            if let Some(allow) = allow {
                other.headers_mut().insert(ALLOW, allow);
            }
            return other;
        }
    };
    let problem = Problem { request_id: id.0.clone(), ..problem };
    let text = serde_json::to_string(&problem).unwrap_or_default();
    let (parts, _) = response.into_parts();
    let mut response = Response::from_parts(parts, axum::body::Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
