//! Hands one batch to the collector over HTTP, on a connection that is kept.

use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tenantry_courier::{Line, LineError, Reach, connect};

use crate::settings::Settings;

/// Most of an answer that is read; nothing in it matters.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    #[error("no answer in time")]
    Silent,
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("cannot ask")]
    Ask(#[source] hyper::Error),
    #[error("the collector answered with status {0}")]
    Status(u16),
    #[error("a header cannot be sent")]
    Header,
}

impl PostError {
    /// Whether the same batch may be taken later (OTLP names these).
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Silent | Self::Ask(_) => true,
            Self::Line(error) => error.class() == tenantry_model::Class::Unavailable,
            Self::Status(status) => matches!(status, 429 | 502 | 503 | 504),
            Self::Header => false,
        }
    }
}

/// The collector.
pub(crate) struct Collector {
    settings: Arc<Settings>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Collector {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, sender: None }
    }

    /// Hands a batch over, within the configured time.
    pub(crate) async fn post(&mut self, body: Bytes) -> Result<(), PostError> {
        let within = self.settings.send_within;
        let posted = tokio::time::timeout(within, self.try_post(body)).await.unwrap_or(Err(PostError::Silent));
        if posted.is_err() {
            // whatever state it is in, the next batch begins anew
            self.sender = None;
        }
        posted
    }

    async fn try_post(&mut self, body: Bytes) -> Result<(), PostError> {
        let mut sender = match self.sender.take().filter(|kept| !kept.is_closed()) {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let endpoint = &self.settings.endpoint;
        let authority = endpoint.authority().map_or("", |a| a.as_str());
        let mut request = Request::post(endpoint.path_and_query().map_or("/", |p| p.as_str()))
            .header("host", authority)
            .header("content-type", "application/x-protobuf")
            .header("user-agent", concat!("tenantry/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &self.settings.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|_| PostError::Header)?;
        sender.ready().await.map_err(PostError::Ask)?;
        let answer = sender.send_request(request).await.map_err(PostError::Ask)?;
        let status = answer.status();
        // read over, so that the connection can carry the next one
        let is_whole = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.is_ok();
        if !status.is_success() {
            return Err(PostError::Status(status.as_u16()));
        }
        self.sender = is_whole.then_some(sender);
        Ok(())
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, PostError> {
        // the operator's own configuration names it
        spoken(connect(&self.settings.endpoint, self.settings.tls.as_ref(), &Reach::Anywhere).await?).await
    }
}

async fn spoken(line: Line) -> Result<SendRequest<Full<Bytes>>, PostError> {
    let (sender, connection) = handshake(TokioIo::new(line)).await.map_err(PostError::Ask)?;
    // it ends with its sender
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the collector's connection ended");
        }
    });
    Ok(sender)
}
