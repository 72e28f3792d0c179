//! How deliveries are made.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::ClientConfig;

use super::schedule::RETRIES;

/// How deliveries are made.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Networks that endpoints may lie in although they are not the public internet; there, plain HTTP does too.
    pub allow: Vec<IpNet>,
    /// Whom to trust over TLS; without it no https address can be delivered to.
    pub tls: Option<Arc<ClientConfig>>,
    /// Longest time for one try.
    pub within: Duration,
    /// Pauses between tries; after the last one it is dead.
    pub retries: Vec<Duration>,
    /// An endpoint that fails for so long is disabled.
    pub disable_after: Duration,
    /// How long events and deliveries are kept to be read and replayed.
    pub keep: Duration,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            tls: None,
            within: Duration::from_secs(15),
            retries: RETRIES.map(Duration::from_secs).to_vec(),
            disable_after: Duration::from_secs(5 * 86_400),
            keep: Duration::from_secs(30 * 86_400),
        }
    }
}
