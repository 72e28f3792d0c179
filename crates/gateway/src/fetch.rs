//! Asks another server for a small document: the keys of an issuer. No redirects, a bound on time and on size.

use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Bytes;
use tenantry_courier::{Courier, Reach, SendError};

/// Longest wait for all of it.
const WITHIN: Duration = Duration::from_secs(5);
/// Largest document.
const BYTES_MAX: usize = 512 * 1024;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the address cannot be used")]
    Address,
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer is larger than {BYTES_MAX} bytes")]
    Body,
}

/// The document at an address that our own configuration names.
pub(crate) async fn get(url: &str, tls: Option<Arc<rustls::ClientConfig>>) -> Result<Vec<u8>, FetchError> {
    let courier = Courier { tls, reach: Reach::Anywhere, within: WITHIN, answer_bytes_max: BYTES_MAX };
    let request = Request::get(url).header("accept", "application/json").body(Bytes::new());
    let answer = courier.send(request.map_err(|_| FetchError::Address)?).await?;
    match answer.status {
        200 if answer.is_cut => Err(FetchError::Body),
        200 => Ok(answer.body.to_vec()),
        status => Err(FetchError::Status(status)),
    }
}
