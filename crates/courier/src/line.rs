//! A connection, plain or under TLS, to an address that was checked.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Uri;
use hyper::http::uri::Scheme;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tenantry_model::Class;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::reach::Reach;

/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 8;

/// What bytes go over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, whatever it runs over.
pub type Line = Box<dyn Stream>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no address of HTTP.
    #[error("the address is none of http:// or https:// with a host")]
    Address,
    /// The name is not known.
    #[error("the name cannot be resolved")]
    Name(#[source] std::io::Error),
    /// It lies where we do not go.
    #[error("the address is not one of the public internet over TLS, and no allowed network has it")]
    Refused,
    /// Nobody said whom to trust.
    #[error("TLS is not set up for an https address")]
    NoTls,
    /// Nobody answers there.
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    /// The server does not prove who it is.
    #[error("no TLS with the server")]
    Tls(#[source] std::io::Error),
}

impl LineError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Address | Self::NoTls => Class::Caller,
            Self::Refused => Class::Denied,
            Self::Name(_) | Self::Connect(_) | Self::Tls(_) => Class::Unavailable,
        }
    }
}

/// Connects to the server of an address. The caller bounds the time.
pub async fn connect(uri: &Uri, tls: Option<&Arc<ClientConfig>>, reach: &Reach) -> Result<Line, LineError> {
    let is_tls = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        Some(scheme) if *scheme == Scheme::HTTP => false,
        _ => return Err(LineError::Address),
    };
    let host = uri.host().filter(|h| !h.is_empty()).ok_or(LineError::Address)?.trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let found = tokio::net::lookup_host((host, port)).await.map_err(LineError::Name)?;
    let permitted: Vec<SocketAddr> =
        found.filter(|address| reach.permits(address.ip(), is_tls)).take(ADDRESSES_MAX).collect();
    if permitted.is_empty() {
        return Err(LineError::Refused);
    }
    // the addresses that were checked, and not the name again
    let stream = TcpStream::connect(&*permitted).await.map_err(LineError::Connect)?;
    let peer = stream.peer_addr().map_err(LineError::Connect)?;
    if !reach.permits(peer.ip(), is_tls) {
        return Err(LineError::Refused);
    }
    if !is_tls {
        return Ok(Box::new(stream));
    }
    let config = Arc::clone(tls.ok_or(LineError::NoTls)?);
    let name = ServerName::try_from(host.to_owned()).map_err(|_| LineError::Address)?;
    let stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await;
    Ok(Box::new(stream.map_err(LineError::Tls)?))
}
