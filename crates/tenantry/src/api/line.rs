//! One request over a connection of its own: plain, or under TLS.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, HeaderValue, IF_MATCH, USER_AGENT};
use hyper::http::uri::Scheme;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tenantry_model::Class;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::config::gateway::client_tls;
use crate::errors::Failure;

/// Largest answer that is read.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is asked.
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) body: Option<Vec<u8>>,
    pub(super) version: Option<&'a str>,
}

/// What came back.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) version: Option<String>,
    pub(super) body: Vec<u8>,
}

/// A connection, whatever it runs over.
trait Line: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

/// Sends a request and reads the whole answer.
pub(super) async fn send(base: &Uri, key: &SecretString, asked: Asked<'_>) -> Result<Answered, Failure> {
    let mut headers = vec![
        (USER_AGENT.to_string(), concat!("tenantry/", env!("CARGO_PKG_VERSION")).to_owned()),
        (AUTHORIZATION.to_string(), format!("Bearer {}", key.expose_secret())),
    ];
    headers.extend(asked.version.map(|version| (IF_MATCH.to_string(), version.to_owned())));
    let (status, headers, body) = raw(base, asked.method, asked.path, &headers, asked.body).await?;
    let version = headers.into_iter().find(|(name, _)| name == ETAG.as_str()).map(|(_, value)| value);
    Ok(Answered { status, version, body })
}

/// Status, headers and body of an answer.
pub(crate) type Raw = (u16, Vec<(String, String)>, Vec<u8>);

/// Sends a request with these headers and no others, but those that HTTP needs.
pub(crate) async fn raw(
    base: &Uri,
    method: Method,
    path: &str,
    headers: &[(String, String)],
    body: Option<Vec<u8>>,
) -> Result<Raw, Failure> {
    let gone = |what: &str| Failure::new(Class::Unavailable, format!("{what} the control plane at {base}"));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(connect(base).await?))
        .await
        .map_err(|e| gone("cannot speak to").because(e))?;
    // it ends with the answer
    let driving = tokio::spawn(connection);
    let request = request(base, method, path, headers, body)?;
    let response =
        sender.send_request(request).await.map_err(|e| gone("no answer of").because(e).code("unavailable"))?;
    let status = response.status().as_u16();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let body = Limited::new(response.into_body(), BYTES_MAX).collect().await;
    let body = body.map_err(|e| gone("a broken answer of").because(&*e).code("unavailable"))?;
    driving.abort();
    Ok((status, headers, body.to_bytes().to_vec()))
}

fn request(
    base: &Uri,
    method: Method,
    path: &str,
    headers: &[(String, String)],
    body: Option<Vec<u8>>,
) -> Result<Request<Full<Bytes>>, Failure> {
    let mut request =
        Request::builder().method(method).uri(path).header(HOST, base.authority().map_or("", |a| a.as_str()));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let body = Full::new(Bytes::from(body.unwrap_or_default()));
    request.body(body).map_err(|e| Failure::bug("write a request").because(e))
}

async fn connect(base: &Uri) -> Result<Box<dyn Line>, Failure> {
    let is_tls = base.scheme() == Some(&Scheme::HTTPS);
    let host = base.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = base.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let unreachable = |e: std::io::Error| {
        Failure::new(Class::Unavailable, format!("cannot reach the control plane at {base}"))
            .because(e)
            .code("unavailable")
            .remedy("start it with `tenantry serve --roles control`, or name another by --api or TENANTRY_API")
    };
    let stream = TcpStream::connect((host, port)).await.map_err(unreachable)?;
    if !is_tls {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(host.to_owned())
        .map_err(|e| Failure::caller(format!("`{host}` is no host name")).because(e))?;
    let connector = tokio_rustls::TlsConnector::from(client_tls(None)?);
    Ok(Box::new(connector.connect(name, stream).await.map_err(unreachable)?))
}
