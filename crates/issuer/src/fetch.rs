//! Asks another server for a small document: the keys of an issuer. No redirects, a bound on time and on size.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::{Request, Uri};
use tenantry_courier::{Courier, Reach, SendError};

/// Longest wait for all of it.
const WITHIN: Duration = Duration::from_secs(5);
/// Largest document.
const BYTES_MAX: usize = 512 * 1024;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the address cannot be used: keys come over https, or from this machine")]
    Address,
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer is larger than {BYTES_MAX} bytes")]
    Body,
}

/// Whether what comes from an address is what was sent there: over TLS, or from this machine.
pub(crate) fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        _ => false,
    }
}

/// The document at an address that our own configuration names, or that a document it names does.
pub(crate) async fn get(url: &str, tls: Option<Arc<rustls::ClientConfig>>) -> Result<Vec<u8>, FetchError> {
    if !is_safe(url) {
        return Err(FetchError::Address);
    }
    let courier = Courier { tls, reach: Reach::Anywhere, within: WITHIN, answer_bytes_max: BYTES_MAX };
    let request = Request::get(url).header("accept", "application/json").body(Bytes::new());
    let answer = courier.send(request.map_err(|_| FetchError::Address)?).await?;
    match answer.status {
        200 if answer.is_cut => Err(FetchError::Body),
        200 => Ok(answer.body.to_vec()),
        status => Err(FetchError::Status(status)),
    }
}
