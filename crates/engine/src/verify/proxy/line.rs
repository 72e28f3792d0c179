//! The way to the proxy: plain, or with TLS from the first byte that matters.

use tenantry_wire::frontend;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Request;
use super::client::stop;
use crate::verify::outcome::Stop;

/// What can be read and written, whatever is below.
pub(super) trait Both: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

/// A connection on which nothing of the protocol was said, but that TLS is wanted where it is.
pub(super) type Line = Box<dyn Both>;

/// Opens one. Whoever asked for TLS never goes on without.
pub(super) async fn open(request: &Request) -> Result<Line, Stop> {
    let mut stream = TcpStream::connect((request.host.as_str(), request.port)).await.map_err(stop)?;
    stream.set_nodelay(true).map_err(stop)?;
    let Some(tls) = &request.tls else { return Ok(Box::new(stream)) };
    let mut asked = Vec::new();
    frontend::write_ssl_request(&mut asked);
    stream.write_all(&asked).await.map_err(stop)?;
    // one byte and not one more: what somebody on the way puts behind it in the clear must not be taken for the proxy's
    if stream.read_u8().await.map_err(stop)? != b'S' {
        return Err(Stop("the proxy speaks no TLS".into()));
    }
    let name = request.host.clone().try_into().map_err(stop)?;
    let line = tls.connect(name, stream).await.map_err(|e| Stop(format!("TLS with the proxy fails: {e}")))?;
    Ok(Box::new(line))
}
