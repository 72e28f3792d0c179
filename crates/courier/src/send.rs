//! A request over a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tenantry_model::Class;

use crate::line::{LineError, connect};
use crate::reach::Reach;

/// Who we say we are.
const AGENT: &str = concat!("tenantry/", env!("CARGO_PKG_VERSION"));

/// Carries requests.
#[derive(Clone, Debug)]
pub struct Courier {
    /// Whom to trust; without it only plain HTTP is spoken.
    pub tls: Option<Arc<ClientConfig>>,
    /// Where it goes.
    pub reach: Reach,
    /// Longest time for all of it.
    pub within: Duration,
    /// Most bytes that are read of an answer.
    pub answer_bytes_max: usize,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status; a redirect is an answer like any other.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or its beginning.
    pub body: Bytes,
    /// There was more than was read.
    pub is_cut: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection.
    #[error(transparent)]
    Line(#[from] LineError),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// The server does not speak HTTP, or broke off.
    #[error("the answer cannot be read, or breaks off")]
    Ask(#[source] hyper::Error),
    /// The request has no usable address.
    #[error("the request cannot be written")]
    Request,
}

impl SendError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Line(error) => error.class(),
            Self::Silent(_) | Self::Ask(_) => Class::Unavailable,
            Self::Request => Class::Caller,
        }
    }
}

impl Courier {
    /// Sends a request with an absolute address, and reads the answer.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Answer, SendError> {
        tokio::time::timeout(self.within, self.try_send(request)).await.unwrap_or(Err(SendError::Silent(self.within)))
    }

    async fn try_send(&self, request: Request<Bytes>) -> Result<Answer, SendError> {
        let line = connect(request.uri(), self.tls.as_ref(), &self.reach).await?;
        let request = to_origin(request)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(line)).await.map_err(SendError::Ask)?;
        let answer = async move {
            let response = sender.send_request(request).await.map_err(SendError::Ask)?;
            let (parts, body) = response.into_parts();
            let (body, is_cut) = read(body, self.answer_bytes_max).await?;
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, is_cut })
        };
        tokio::pin!(answer);
        // driven here and not by a task of its own: who gives up on us takes the connection along
        tokio::select! {
            answered = &mut answer => answered,
            ended = connection => {
                ended.map_err(SendError::Ask)?;
                answer.await
            }
        }
    }
}

/// As a server wants it: the path in the first line, the host in a header.
fn to_origin(request: Request<Bytes>) -> Result<Request<Full<Bytes>>, SendError> {
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().ok_or(SendError::Request)?;
    // no password that stands in an address becomes part of a header
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    let host = HeaderValue::from_str(host).map_err(|_| SendError::Request)?;
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    parts.uri = path.parse::<Uri>().map_err(|_| SendError::Request)?;
    parts.headers.insert(HOST, host);
    parts.headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    Ok(Request::from_parts(parts, Full::new(body)))
}

/// At most so many bytes of a body.
async fn read(mut body: Incoming, bytes_max: usize) -> Result<(Bytes, bool), SendError> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(SendError::Ask)?.into_data() else { continue };
        let room = bytes_max - whole.len();
        if data.len() > room {
            whole.extend_from_slice(&data[..room]);
            return Ok((whole.into(), true));
        }
        whole.extend_from_slice(&data);
    }
    Ok((whole.into(), false))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn courier(reach: Reach) -> Courier {
        Courier { tls: None, reach, within: Duration::from_secs(5), answer_bytes_max: 8 }
    }

    /// A server that answers one request with a text, and what it was asked.
    async fn server(answer: &'static str) -> (SocketAddr, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            let count = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..count]).into_owned()
        });
        (at, task)
    }

    #[tokio::test]
    async fn an_answer_is_read_to_its_bound_and_a_redirect_is_an_answer() {
        let redirect = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 12\r\n\r\n0123456789ab";
        let (at, asked) = server(redirect).await;
        let request = Request::post(format!("http://u:p@{at}/a?b")).body(Bytes::from_static(b"x")).unwrap();
        let answer = courier(Reach::Anywhere).send(request).await.unwrap();
        assert_eq!((answer.status, &*answer.body, answer.is_cut), (302, &b"01234567"[..], true));
        let asked = asked.await.unwrap().to_lowercase();
        assert!(asked.starts_with("post /a?b http/1.1\r\n") && asked.contains(&format!("host: {at}\r\n")), "{asked}");
        assert!(!asked.contains("u:p"));
    }

    #[tokio::test]
    async fn what_is_not_public_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let public = courier(Reach::Public { allow: Vec::new() });
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"] {
            let request = Request::get(format!("https://{host}:{port}/")).body(Bytes::new()).unwrap();
            let refused = public.send(request).await.unwrap_err();
            assert!(matches!(refused, SendError::Line(LineError::Refused)), "{host}: {refused}");
        }
        // nobody came
        let mut nobody = std::pin::pin!(listener.accept());
        assert!(futures_poll(&mut nobody).await);
    }

    /// Whether a future still waits.
    async fn futures_poll<F: Future>(future: &mut std::pin::Pin<&mut F>) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }
}
