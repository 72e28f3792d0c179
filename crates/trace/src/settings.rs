//! Where spans go, and how many may wait.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use tenantry_model::Class;

/// Where spans go.
#[derive(Clone)]
pub struct Settings {
    pub(crate) endpoint: Uri,
    /// Headers of each request to the collector: name and value.
    pub headers: Vec<(String, String)>,
    /// TLS towards the collector.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// `service.name` of all spans.
    pub service: String,
    /// Requests whose spans wait; more are dropped and counted.
    pub queue_max: usize,
    /// Longest time that spans wait for others to go along.
    pub flush_within: Duration,
    /// Longest attempt to hand a batch over.
    pub send_within: Duration,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // headers may hold a secret
        f.debug_struct("Settings")
            .field("endpoint", &self.endpoint)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        self.endpoint == other.endpoint
            && self.headers == other.headers
            && self.service == other.service
            && self.queue_max == other.queue_max
            && self.flush_within == other.flush_within
            && self.send_within == other.send_within
            && self.tls.is_some() == other.tls.is_some()
    }
}

/// An address that spans cannot be sent to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is no address.
    #[error("`{0}` is no http or https address: write it as `http://127.0.0.1:4318/v1/traces`")]
    Address(String),
}

impl EndpointError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Caller
    }
}

impl Settings {
    /// To this address, with the usual bounds. Without a path it is `/v1/traces`.
    pub fn new(endpoint: &str, service: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError::Address(endpoint.to_owned());
        let uri: Uri = endpoint.parse().map_err(|_| wrong())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        let has_path = uri.path_and_query().is_some_and(|p| p.as_str() != "/");
        let mut parts = uri.into_parts();
        if !has_path {
            parts.path_and_query = Some(hyper::http::uri::PathAndQuery::from_static("/v1/traces"));
        }
        Ok(Self {
            endpoint: Uri::from_parts(parts).map_err(|_| wrong())?,
            headers: Vec::new(),
            tls: None,
            service: service.to_owned(),
            queue_max: 4096,
            flush_within: Duration::from_secs(1),
            send_within: Duration::from_secs(5),
        })
    }

    /// Whether the collector is spoken to over TLS.
    pub fn wants_tls(&self) -> bool {
        self.endpoint.scheme_str() == Some("https")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let path = |text| Settings::new(text, "s").map(|s| s.endpoint.to_string());
        assert_eq!(path("http://127.0.0.1:4318").unwrap(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(path("https://c.example.com/x/v1/traces?a=b").unwrap(), "https://c.example.com/x/v1/traces?a=b");
        for wrong in ["", "127.0.0.1:4318", "/v1/traces", "ftp://h/x", "http:///x"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
        let mut settings = Settings::new("http://h", "s").unwrap();
        settings.headers.push(("authorization".into(), "hidden".into()));
        assert!(!format!("{settings:?}").contains("hidden"));
    }
}
