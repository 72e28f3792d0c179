//! One connection to a server of the application.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::ablation::{Protection, removed};
use crate::buffer::Buffer;
use crate::stream::Stream;

/// A connection.
pub(crate) struct Link {
    pub(crate) stream: RefCell<Stream>,
    /// What was read, and belongs to the answer.
    pub(crate) input: Buffer,
    pub(crate) idle_since: Instant,
}

impl Link {
    /// Makes one.
    pub(super) async fn connect(
        address: &str,
        tls: Option<&(Arc<rustls::ClientConfig>, String)>,
        within: Duration,
    ) -> io::Result<Self> {
        let connect = async {
            let stream = TcpStream::connect(address).await?;
            // without it the head of a request waits for an acknowledgement
            stream.set_nodelay(true)?;
            let Some((config, name)) = tls else { return Ok(Stream::Tcp(stream)) };
            let name =
                ServerName::try_from(name.clone()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
            let stream = tokio_rustls::TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
            Ok::<_, io::Error>(Stream::Other(Box::new(stream)))
        };
        let stream = tokio::time::timeout(within, connect).await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(Self { stream: RefCell::new(stream), input: Buffer::default(), idle_since: Instant::now() })
    }

    /// One to nobody, in which an answer stands. It says that it ends after that, and is never lent.
    pub(crate) fn spoken(answer: &[u8]) -> Self {
        let stream = RefCell::new(Stream::Other(Box::new(Nobody)));
        Self { stream, input: Buffer::holding(answer), idle_since: Instant::now() }
    }

    /// Whether the server has said nothing since the last answer. If it has, it was no answer of ours, or good-bye.
    pub(super) fn is_usable(&self) -> bool {
        removed(Protection::Drained) || self.input.is_empty() && !self.stream.borrow().has_news()
    }
}

/// Hears everything, and says nothing.
struct Nobody;

impl AsyncRead for Nobody {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Nobody {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
