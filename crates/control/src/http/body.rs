//! Request bodies: JSON, bounded, and nothing in them that is not known. The field at fault is named.

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error};

/// Longest body.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// A request that needs to say nothing: no body, or an empty object.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// For a field where null is something else than nothing: with `default`, nothing is `None` and null `Some(None)`.
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A body that was read, and its digest.
#[derive(Debug)]
pub(crate) struct Body<T> {
    pub(crate) value: T,
    pub(crate) digest: [u8; 32],
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let bytes = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|_| {
            Error::new(Code::TooLarge, format!("the body has more than {BODY_BYTES_MAX} bytes, or broke off"))
        })?;
        // an empty body is an empty object: for requests that need to say nothing
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        #[cfg(feature = "ablation")]
        if crate::ablation::removed(crate::ablation::Protection::UnknownFields) {
            return Ok(Self { value: lenient(text)?, digest: Sha256::digest(text).into() });
        }
        if !bytes.is_empty() && kind != "application/json" {
            return Err(Error::new(Code::MediaType, "send JSON, with Content-Type: application/json"));
        }
        // a list is no object, although its values could be taken for an object's in their order
        if text.trim_ascii_start().first() == Some(&b'[') {
            return Err(Error::field("body", "send a JSON object, and no list"));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
            let path = e.path().to_string();
            let message = without_values(&e.inner().to_string());
            Error::field(if path == "." || path == "?" { "body".to_owned() } else { path }, message)
        })?;
        deserializer.end().map_err(|_| Error::field("body", "send one JSON document and nothing after it"))?;
        Ok(Self { value, digest: Sha256::digest(text).into() })
    }
}

/// As if unknown fields were nothing: each is taken out until the rest fits.
#[cfg(feature = "ablation")]
fn lenient<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let bad = |e: serde_json::Error| Error::field("body", without_values(&e.to_string()));
    let mut value: serde_json::Value = serde_json::from_slice(text).map_err(bad)?;
    loop {
        let error = match serde_json::from_value(value.clone()) {
            Ok(read) => return Ok(read),
            Err(error) => error,
        };
        let message = error.to_string();
        let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        if unknown.and_then(|name| value.as_object_mut()?.remove(name)).is_none() {
            return Err(bad(error));
        }
    }
}

/// What the reader says, without the text it found: it may be a secret in the wrong place.
fn without_values(message: &str) -> String {
    match (message.starts_with("invalid"), message.split_once(", expected ")) {
        (true, Some((_, expected))) => format!("wrong type or value, expected {expected}"),
        _ => message.to_owned(),
    }
}
