//! Answers that can be kept, to be given again.

use axum::Json;
use axum::http::header::{ETAG, HeaderName, HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::Error;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Value>,
    /// A field that is given once and never kept.
    secret: Option<(&'static str, String)>,
    pub(crate) etag: Option<String>,
    pub(crate) location: Option<String>,
    replayed: bool,
}

impl Reply {
    /// With a body.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_value(body).map_err(|e| Error::bug("write an answer").because(e))?;
        Ok(Self { body: Some(body), ..Self::empty(status) })
    }

    /// Without one.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, body: None, secret: None, etag: None, location: None, replayed: false }
    }

    /// With its version.
    pub(crate) fn version(mut self, version: i64) -> Self {
        self.etag = Some(format!("\"{version}\""));
        self
    }

    /// With its place.
    pub(crate) fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    /// With a field that is shown this once.
    pub(crate) fn with_secret(mut self, field: &'static str, value: &str) -> Self {
        self.secret = Some((field, value.to_owned()));
        self
    }

    /// What is kept of its headers.
    pub(crate) fn kept_headers(&self) -> Value {
        json!({ "etag": self.etag, "location": self.location, "secret": self.secret.as_ref().map(|s| s.0) })
    }

    /// From what was kept.
    pub(crate) fn replay(status: StatusCode, headers: &Value, mut body: Option<Value>) -> Self {
        let text = |name: &str| headers[name].as_str().map(str::to_owned);
        if let (Some(field), Some(Value::Object(body))) = (text("secret"), body.as_mut()) {
            body.insert(field, Value::Null);
        }
        Self { status, body, secret: None, etag: text("etag"), location: text("location"), replayed: true }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        for (name, value) in [(ETAG, self.etag), (LOCATION, self.location)] {
            if let Some(value) = value.and_then(|v| HeaderValue::from_str(&v).ok()) {
                headers.insert(name, value);
            }
        }
        if self.replayed {
            headers.insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
        }
        let Some(mut body) = self.body else { return (self.status, headers).into_response() };
        if let (Some((field, value)), Value::Object(body)) = (self.secret, &mut body) {
            body.insert(field.to_owned(), Value::String(value));
        }
        (self.status, headers, Json(body)).into_response()
    }
}
