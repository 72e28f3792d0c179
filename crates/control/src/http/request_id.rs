//! Each request has an id: the client's if it is a sensible one, otherwise ours. It stands in the answer, in problems,
//! in the audit log and in our log.

use axum::http::HeaderMap;
use uuid::Uuid;

/// The header, in both directions.
pub(crate) const HEADER: &str = "x-request-id";
const BYTES_MAX: usize = 64;

/// The id of a request.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    /// The client's, or a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|v| v.to_str().ok());
        let is_sensible = |id: &&str| {
            (1..=BYTES_MAX).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        Self(given.filter(is_sensible).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }
}
