//! What is watched, and who is told.

use std::time::Duration;

use tenantry_audit::alerts::Threshold;
use zeroize::Zeroizing;

/// What is watched, and who is told.
#[derive(Clone, Debug)]
pub struct AlertSettings {
    /// So many entries of a kind, in so much time.
    pub thresholds: Vec<Threshold>,
    /// What gateways measure.
    pub measured: Measured,
    /// Who gets e-mail.
    pub mail: Option<MailSettings>,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self { thresholds: usual(), measured: Measured::default(), mail: None }
    }
}

/// The thresholds of the audit log, and an endpoint that was disabled.
pub fn usual() -> Vec<Threshold> {
    let disabled = Threshold {
        name: "webhook-disabled".to_owned(),
        actions: vec!["WEBHOOK_DISABLED".to_owned()],
        count: 1,
        within: Duration::from_secs(60),
    };
    let mut all = tenantry_audit::alerts::usual();
    all.push(disabled);
    all
}

/// Thresholds of what gateways measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Over this part of requests the cache could not answer: 0 to 100. `None` watches nothing.
    pub cache_miss_percent: Option<f64>,
    /// A request in a hundred took longer than this. `None` watches nothing.
    pub p99: Option<Duration>,
    /// In what time.
    pub within: Duration,
    /// With fewer requests nothing is said.
    pub requests_min: u64,
}

impl Default for Measured {
    fn default() -> Self {
        Self {
            cache_miss_percent: Some(50.0),
            p99: Some(Duration::from_millis(200)),
            within: Duration::from_secs(300),
            requests_min: 100,
        }
    }
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// In the open; no password is sent.
    None,
    /// After STARTTLS, or not at all.
    StartTls,
    /// From the first byte.
    Implicit,
}

/// Who gets e-mail, and by which server.
#[derive(Clone)]
pub struct MailSettings {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: MailTls,
    /// User and password.
    pub login: Option<(String, Zeroizing<String>)>,
    /// Who writes.
    pub from: String,
    /// Who reads.
    pub to: Vec<String>,
}

impl std::fmt::Debug for MailSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailSettings").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}
