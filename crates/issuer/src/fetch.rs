//! Asks another server for a small document: the keys of an issuer. No redirects, a bound on time and on size.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Longest wait for all of it.
const WITHIN: Duration = Duration::from_secs(5);
/// Largest document.
const BYTES_MAX: usize = 512 * 1024;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the address cannot be used")]
    Address,
    #[error("no answer within {} s", WITHIN.as_secs())]
    Silent,
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error("cannot ask")]
    Ask(#[source] hyper::Error),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer breaks off, or is larger than {BYTES_MAX} bytes")]
    Body,
}

/// A connection, whatever it runs over.
trait Line: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

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

/// The document at an address.
pub(crate) async fn get(url: &str, tls: Option<Arc<rustls::ClientConfig>>) -> Result<Vec<u8>, FetchError> {
    tokio::time::timeout(WITHIN, ask(url, tls)).await.unwrap_or(Err(FetchError::Silent))
}

async fn ask(url: &str, tls: Option<Arc<rustls::ClientConfig>>) -> Result<Vec<u8>, FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::Address)?;
    let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else { return Err(FetchError::Address) };
    // what a discovery document says is held to the same
    if !is_safe(url) {
        return Err(FetchError::Address);
    }
    let (is_tls, port) = match uri.scheme_str() {
        Some("https") => (true, 443),
        Some("http") => (false, 80),
        _ => return Err(FetchError::Address),
    };
    let bare = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((bare, uri.port_u16().unwrap_or(port))).await.map_err(FetchError::Connect)?;
    let stream: Box<dyn Line> = if is_tls {
        let config = tls.ok_or(FetchError::Address)?;
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| FetchError::Address)?;
        let connected = tokio_rustls::TlsConnector::from(config).connect(name, stream).await;
        Box::new(connected.map_err(FetchError::Connect)?)
    } else {
        Box::new(stream)
    };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(FetchError::Ask)?;
    let target = uri.path_and_query().map_or("/", |p| p.as_str());
    let request = Request::get(target).header("host", authority.as_str()).header("accept", "application/json");
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| FetchError::Address)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(FetchError::Ask)?;
        if response.status() != 200 {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let body = Limited::new(response.into_body(), BYTES_MAX).collect().await.map_err(|_| FetchError::Body)?;
        Ok(body.to_bytes().to_vec())
    };
    tokio::pin!(answer);
    tokio::select! {
        answered = &mut answer => answered,
        ended = connection => {
            ended.map_err(FetchError::Ask)?;
            answer.await
        }
    }
}
