//! Web sockets over HTTP/2 (RFC 8441): a CONNECT with `:protocol`, decided as the GET with `Upgrade` that it becomes for the
//! application. The handshake of HTTP/1.1 is made here, and what is no web socket's answer to it opens nothing.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use httparse::Header;
use hyper::Request;
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use super::Rest;
use crate::client::Phase;
use crate::h1::head::HEADERS_MAX;
use crate::refusal::Refusal;

/// What the application's answer is made of, beside the key (RFC 6455).
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Random bytes of a key.
const KEY_BYTES: usize = 16;
/// Headers that the handshake adds, and the host.
const ADDED: usize = 4;
const KEY: &str = "sec-websocket-key";

/// A web socket that a client wants.
pub(super) struct Socket {
    upgrade: OnUpgrade,
    key: String,
}

impl Socket {
    /// Whether this request is for one.
    pub(super) fn wanted(request: &mut Request<Incoming>) -> Result<Option<Self>, Refusal> {
        let Some(protocol) = request.extensions().get::<Protocol>() else { return Ok(None) };
        if protocol.as_str() != "websocket" || request.method() != hyper::Method::CONNECT {
            return Err(Refusal::Method);
        }
        if request.headers().len() + ADDED > HEADERS_MAX {
            return Err(Refusal::HeadersTooLarge);
        }
        let mut random = [0; KEY_BYTES];
        getrandom::fill(&mut random).map_err(|_| Refusal::Bug)?;
        Ok(Some(Self { upgrade: hyper::upgrade::on(request), key: STANDARD.encode(random) }))
    }

    /// Adds the handshake; the client's own part of one means nothing here.
    pub(super) fn shake<'a>(&'a self, headers: &mut Vec<Header<'a>>) {
        headers.retain(|header| header.name != KEY);
        let lines = [("connection", "upgrade"), ("upgrade", "websocket"), (KEY, self.key.as_str())];
        headers.extend(lines.map(|(name, value)| Header { name, value: value.as_bytes() }));
    }

    /// Whether the application has understood.
    pub(super) fn is_answered(&self, headers: &[Header<'_>]) -> bool {
        let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{}{MAGIC}", self.key).as_bytes());
        let wanted = STANDARD.encode(sum);
        let mut accepts = headers.iter().filter(|h| is_accept(h.name));
        accepts.next().is_some_and(|h| h.value == wanted.as_bytes()) && accepts.next().is_none()
    }

    /// Both directions, until one side ends or the tenant may not go on.
    pub(super) async fn run(self, mut rest: Box<Rest>) {
        let Some((link, _)) = rest.link.take() else { return };
        rest.entered.client.enter(Phase::Tunnel, std::time::Instant::now());
        let copying = async {
            let mut own = TokioIo::new(self.upgrade.await.map_err(std::io::Error::other)?);
            // nobody else holds it: nothing of the request is on its way any more
            let mut other = std::rc::Rc::try_unwrap(link).map_err(|_| std::io::ErrorKind::Other)?.into_inner();
            own.write_all(rest.input.filled()).await?;
            own.flush().await?;
            tokio::io::copy_bidirectional(&mut own, &mut other).await
        };
        let (bytes_in, bytes_out) = tokio::select! {
            copied = copying => copied.unwrap_or_default(),
            () = rest.ended.as_mut() => (0, 0),
        };
        rest.plan.settle(&rest.worker, &rest.line, 101, bytes_in, bytes_out);
    }
}

/// Whether it belongs to the handshake of HTTP/1.1, of which HTTP/2 knows nothing.
pub(super) fn is_accept(name: &str) -> bool {
    name.eq_ignore_ascii_case("sec-websocket-accept")
}
