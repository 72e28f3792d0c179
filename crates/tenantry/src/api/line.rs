//! One request over a connection of its own: plain, or under TLS.

use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH};
use hyper::http::uri::Scheme;
use hyper::{Method, Request, Uri};
use secrecy::{ExposeSecret, SecretString};
use tenantry_courier::{Courier, LineError, Reach, SendError};
use tenantry_model::Class;

use crate::config::gateway::client_tls;
use crate::errors::Failure;

/// Largest answer that is read.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest wait for an answer: twice what the control plane gives itself.
const WITHIN: Duration = Duration::from_secs(60);

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

/// Sends a request and reads the whole answer.
pub(super) async fn send(base: &Uri, key: &SecretString, asked: Asked<'_>) -> Result<Answered, Failure> {
    let mut headers = vec![(AUTHORIZATION.to_string(), format!("Bearer {}", key.expose_secret()))];
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
    let tls = (base.scheme() == Some(&Scheme::HTTPS)).then(|| client_tls(None)).transpose()?;
    let courier = Courier { tls, reach: Reach::Anywhere, within: WITHIN, answer_bytes_max: BYTES_MAX };
    let answer = courier.send(request(base, method, path, headers, body)?).await.map_err(|e| failed(base, e))?;
    if answer.is_cut {
        let what = format!("an answer of the control plane at {base} has more than {BYTES_MAX} bytes");
        return Err(Failure::new(Class::Unavailable, what));
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    Ok((answer.status, headers, answer.body.to_vec()))
}

fn failed(base: &Uri, error: SendError) -> Failure {
    match error {
        SendError::Line(LineError::Address) => {
            Failure::caller(format!("`{base}` has no host name that can be asked")).because(error)
        }
        SendError::Line(_) => Failure::new(Class::Unavailable, format!("cannot reach the control plane at {base}"))
            .because(error)
            .code("unavailable")
            .remedy("start it with `tenantry serve --roles control`, or name another by --api or TENANTRY_API"),
        _ => Failure::new(Class::Unavailable, format!("no answer of the control plane at {base}"))
            .because(error)
            .code("unavailable"),
    }
}

fn request(
    base: &Uri,
    method: Method,
    path: &str,
    headers: &[(String, String)],
    body: Option<Vec<u8>>,
) -> Result<Request<Bytes>, Failure> {
    let scheme = base.scheme_str().unwrap_or("http");
    let authority = base.authority().map_or("", |a| a.as_str());
    let mut request = Request::builder().method(method).uri(format!("{scheme}://{authority}{path}"));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let body = Bytes::from(body.unwrap_or_default());
    request.body(body).map_err(|e| Failure::bug("write a request").because(e))
}
