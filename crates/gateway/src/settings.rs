//! What a gateway is started with. The binary reads files and the environment; here are only values.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use tenantry_edge::directory::Directory;
use tenantry_model::token::ContextKey;

pub use crate::acme::{AcmeSettings, Challenge};
pub use crate::authenticate::webhook::{WebhookScheme, WebhookSettings};
pub use crate::protect::cors::CorsSettings;
pub use crate::stamp::context::{ContextAlgorithm, ContextSettings};
pub use tenantry_cache::{Redis as RedisSettings, Secret as CacheSecret, Settings as CacheSettings};
pub use tenantry_issuer::{IssuerError, IssuerParts, IssuerSettings, KeySource};
pub use tenantry_trace::{Sampler, Settings as ExporterSettings};

/// Everything.
pub struct Settings {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Threads. Each has its own connections to the applications.
    pub workers: usize,
    /// Which tenants there are.
    pub directory: Directory,
    /// Host names under which the label in front is a tenant's slug, written canonically.
    pub base_domains: Vec<String>,
    /// Labels in front of a base domain that are no tenants.
    pub reserved_labels: Vec<String>,
    /// Hosts that name no tenant: there, something else has to.
    pub hosts: Vec<String>,
    /// Every request is for this tenant, by slug or key.
    pub single_tenant: Option<String>,
    /// Headers that name a tenant, lower case.
    pub tenant_headers: Vec<String>,
    /// Headers in which the application receives the tenant's key.
    pub stamp_headers: Vec<String>,
    /// Who may say for whom a request is, and where it comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// Where requests go; the longest prefix counts.
    pub routes: Vec<Arc<RouteSettings>>,
    /// The applications.
    pub upstreams: Vec<Arc<UpstreamSettings>>,
    /// Who signs tokens.
    pub issuers: Vec<Arc<IssuerSettings>>,
    /// What the application receives about the tenant, signed.
    pub context: Option<Arc<ContextSettings>>,
    /// Signs passes for the SQL proxy, each good for so long.
    pub pass: Option<PassSettings>,
    /// TLS towards clients.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Addresses without TLS that lead to those with it, and answer an authority's questions.
    pub redirect: Vec<SocketAddr>,
    /// Certificates for the tenants' own host names.
    pub acme: Option<Arc<AcmeSettings>>,
    /// How much.
    pub bounds: Bounds,
    /// How long.
    pub times: Times,
    /// How often.
    pub rates: Rates,
    /// Where the budgets of tenants are counted for all gateways together; `None` for each by itself.
    pub exact: Option<ExactSettings>,
    /// Who has to wait for the operator.
    pub maintenance: Maintenance,
    /// Headers for browsers that the application did not set.
    pub security_headers: bool,
    /// Which of the requests are written to the log.
    pub access_log: AccessLog,
    /// Where answers of routes with a cache are kept; `None` for nowhere.
    pub answers: Option<Arc<AnswersSettings>>,
    /// Which requests are traced, and who is told; `None` for none.
    pub traces: Option<Arc<TraceSettings>>,
    /// Where Caddy and others ask whether a host name is a tenant's; `None` for nowhere.
    pub ask_path: Option<String>,
}

/// Which requests are traced, and who is told.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// Where spans go.
    pub exporter: ExporterSettings,
    /// Which part of the requests is traced. Those that a trusted proxy traces are, too.
    pub sampler: Sampler,
    /// Whose traces are joined.
    pub join: Join,
}

/// Whose `traceparent` says which trace a request belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// Everybody's.
    #[default]
    All,
    /// That of trusted proxies; everybody else's is taken away.
    Trusted,
}

/// Which requests are written to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// None.
    Off,
    /// Those that were refused.
    Refused,
    /// All.
    All,
}

/// Bounds of what clients send and hold.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most connections of clients on one thread.
    pub connections_max: usize,
    /// Longest head.
    pub head_bytes_max: usize,
    /// Longest path and query.
    pub uri_bytes_max: usize,
    /// Most headers.
    pub headers_max: usize,
    /// Largest body where the route says nothing.
    pub body_bytes_max: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            head_bytes_max: 32 * 1024,
            uri_bytes_max: 8 * 1024,
            headers_max: 100,
            body_bytes_max: 16 * 1024 * 1024,
        }
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// A head, from its first byte, and a TLS handshake.
    pub head_within: Duration,
    /// Silence between two requests.
    pub idle_within: Duration,
    /// From the request to the first byte of the answer.
    pub answer_within: Duration,
    /// A pause inside a body, in either direction.
    pub pause_within: Duration,
    /// A connection to the application.
    pub connect_within: Duration,
    /// A wait for a free connection to the application.
    pub queue_within: Duration,
    /// Requests under way after a request to stop.
    pub drain_within: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            head_within: seconds(10),
            idle_within: seconds(75),
            answer_within: seconds(60),
            pause_within: seconds(60),
            connect_within: seconds(5),
            queue_within: seconds(10),
            drain_within: seconds(30),
        }
    }
}

/// So many in a second on the average, and so many at once after a quiet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// In a second.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// How often somebody may come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// One address (IPv6: one /64), before anything else is looked at.
    pub address: Option<Rate>,
    /// One API key or one subject of a token.
    pub key: Option<Rate>,
    /// One tenant whose plan says nothing.
    pub tenant: Option<Rate>,
    /// Gateways among which requests are divided: each has its part of every budget. 0 counts as 1.
    pub instances: u32,
}

/// Where the budgets of tenants are counted for all gateways together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExactSettings {
    /// Where Redis is.
    pub redis: RedisSettings,
    /// Names this cluster among others that share a Redis.
    pub realm: String,
    /// How long a request waits for the answer, before this gateway's part of the budget counts.
    pub wait_max: Duration,
}

/// Who has to wait for the operator.
#[derive(Clone, Debug, Default)]
pub struct Maintenance {
    /// Everybody.
    pub all: bool,
    /// These, by slug or key.
    pub tenants: Vec<String>,
    /// What `Retry-After` says.
    pub retry_after: Duration,
}

/// Whether a request needs a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TenantNeed {
    /// It does.
    #[default]
    Required,
    /// It may have one.
    Optional,
    /// Nobody looks for one, and none is stamped.
    None,
}

/// Whether a request needs a credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// The application looks at credentials itself; the gateway does not.
    #[default]
    Anonymous,
    /// One that is sent has to be good.
    Optional,
    /// One has to be sent.
    Required,
}

/// A route.
#[derive(Clone, Debug)]
pub struct RouteSettings {
    /// Its name in log and metrics.
    pub name: String,
    /// Beginning of the paths; whole segments.
    pub path: String,
    /// Position in the list of upstreams.
    pub upstream: usize,
    /// Whether a tenant is needed.
    pub tenant: TenantNeed,
    /// Whether a credential is needed.
    pub authentication: Authentication,
    /// A tenant that is named without proof counts: the application checks who belongs to it.
    pub trust_names: bool,
    /// Parameters of the query that name the tenant.
    pub query_names: Vec<String>,
    /// Members of a JSON body, or fields of a form, that name the tenant.
    pub body_names: Vec<String>,
    /// Largest body, where it is another than everywhere.
    pub body_bytes_max: Option<u64>,
    /// Takes webhooks.
    pub webhook: Option<Arc<WebhookSettings>>,
    /// Who in browsers may read the answers.
    pub cors: Option<Arc<CorsSettings>>,
    /// Answers are kept, as far as they allow it.
    pub cache: Option<RouteCache>,
}

/// How the answers of a route are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteCache {
    /// An answer is the same for everybody of the tenant, whatever the credential.
    pub whole_tenant: bool,
    /// Longest time for which an answer is kept, whatever it says.
    pub age_max: Duration,
}

/// Where answers are kept.
#[derive(Clone, Debug)]
pub struct AnswersSettings {
    /// The cache.
    pub cache: CacheSettings,
    /// Largest body that is kept.
    pub answer_bytes_max: usize,
}

/// An application.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// Its name in log and metrics.
    pub name: String,
    /// `host:port` of each server.
    pub servers: Vec<String>,
    /// TLS towards it, with the name its certificate has.
    pub tls: Option<(Arc<rustls::ClientConfig>, String)>,
    /// Most connections of one thread.
    pub connections_max: u32,
    /// Unused connections that one thread keeps for each server.
    pub idle_max: usize,
    /// An unused connection is closed after this.
    pub idle_within: Duration,
    /// Path that is asked for to see whether a server is well; `None` to see it from the requests alone.
    pub health_path: Option<String>,
    /// How often.
    pub health_every: Duration,
}

/// Passes for the SQL proxy.
pub struct PassSettings {
    /// Makes the key: each thread has its own.
    pub key: Box<dyn Fn() -> ContextKey + Send + Sync>,
    /// How long a pass is good.
    pub lifetime: Duration,
}

/// Secrets of tenants, by slug or key.
pub type Secrets = HashMap<String, Vec<SecretString>>;
