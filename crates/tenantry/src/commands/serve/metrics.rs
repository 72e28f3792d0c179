//! What machines ask a running proxy or gateway over HTTP: `/metrics`, `/health` and `/ready`. Nothing else is answered, and
//! nothing that is asked changes anything.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tenantry_gateway::metrics as of_gateway;
use tenantry_model::Class;
use tenantry_proxy::Observer;
use tenantry_proxy::metrics::Metrics;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};

use crate::errors::Failure;

/// Connections at once; more wait.
const CONNECTIONS_MAX: usize = 64;
/// A request's head must come within this.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The format of the text.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The door for machines.
pub(super) struct Door {
    at: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    seen: Seen,
    draining: AtomicBool,
}

/// What is looked at.
pub(super) enum Seen {
    /// A proxy.
    Proxy(Observer, Box<Mutex<Metrics>>),
    /// A gateway.
    Gateway(tenantry_gateway::Observer, Box<Mutex<of_gateway::Metrics>>),
}

impl Seen {
    async fn text(&self) -> String {
        match self {
            Self::Proxy(observer, metrics) => {
                let seen = observer.look().await;
                metrics.lock().await.text(&seen)
            }
            Self::Gateway(observer, metrics) => metrics.lock().await.text(observer),
        }
    }

    /// Why it is not ready; `None` if it is.
    async fn not_ready(&self) -> Option<&'static str> {
        match self {
            Self::Proxy(observer, _) => {
                let seen = observer.look().await;
                if seen.stopping {
                    return Some("stopping\n");
                }
                let made = seen.pools.values().any(|pool| pool.made > 0);
                (!made).then_some("no connection to a server was made yet\n")
            }
            Self::Gateway(observer, _) => (!observer.is_ready()).then_some("stopping\n"),
        }
    }
}

impl Door {
    /// Opens it.
    pub(super) async fn open(at: SocketAddr, seen: Seen) -> Result<Self, Failure> {
        let failed = |e| {
            Failure::new(Class::Unavailable, format!("cannot listen on {at} for metrics"))
                .because(e)
                .code("proxy-settings")
                .remedy("give `metrics` in [proxy] or [gateway] another address")
        };
        let listener = TcpListener::bind(at).await.map_err(failed)?;
        let at = listener.local_addr().map_err(failed)?;
        let shared = Shared { seen, draining: AtomicBool::new(false) };
        let shared = Arc::new(shared);
        tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { at, shared })
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.at
    }

    /// From now on `/ready` says no.
    pub(super) fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("cannot accept a connection for metrics: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).keep_alive(false);
            // a scraper that breaks off asks again
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
            drop(place);
        });
    }
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        refused.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return Ok(refused);
    }
    Ok(match request.uri().path() {
        "/health" => plain(StatusCode::OK, "ok\n"),
        "/ready" => ready(&shared).await,
        "/metrics" => {
            let mut response = plain(StatusCode::OK, shared.seen.text().await);
            response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(PROMETHEUS));
            response
        }
        _ => plain(StatusCode::NOT_FOUND, "there are /metrics, /health and /ready\n"),
    })
}

async fn ready(shared: &Shared) -> Response<Full<Bytes>> {
    if shared.draining.load(Ordering::Relaxed) {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match shared.seen.not_ready().await {
        None => plain(StatusCode::OK, "ready\n"),
        Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
}
