//! The section `[gateway]` of the configuration file, and what it becomes.

mod build;
mod cluster;
mod files;
mod keep;
mod traces;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

pub(crate) use build::build;
use cluster::{CountedName, RedisSection};
pub(crate) use files::client as client_tls;
use keep::{CacheSection, RouteCacheSection};
use traces::TracesSection;

use super::issuers::IssuerSection;

/// `[gateway]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GatewaySection {
    /// Addresses to listen on.
    pub(crate) listen: Vec<SocketAddr>,
    /// Threads.
    pub(crate) workers: usize,
    /// Address for metrics, health and readiness, over HTTP.
    pub(crate) metrics: Option<SocketAddr>,
    /// The tenants' file.
    pub(crate) tenants: Option<PathBuf>,
    /// Host names under which the label in front is a tenant's slug.
    pub(crate) base_domains: Vec<String>,
    /// Labels in front of a base domain that are no tenants.
    pub(crate) reserved_labels: Vec<String>,
    /// Hosts that name no tenant.
    pub(crate) hosts: Vec<String>,
    /// Every request is for this tenant.
    pub(crate) single_tenant: Option<String>,
    /// Headers that name a tenant.
    pub(crate) tenant_headers: Vec<String>,
    /// Headers in which the application receives the tenant's key.
    pub(crate) stamp_headers: Vec<String>,
    /// Who may say where a request comes from, and for whom it is.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Headers for browsers that the application did not set.
    pub(crate) security_headers: bool,
    /// Which requests are written to the log.
    pub(crate) access_log: AccessLogName,
    /// Where Caddy and others ask whether a host name is a tenant's.
    pub(crate) ask_path: Option<String>,
    /// How much clients may send and hold.
    pub(crate) bounds: BoundsSection,
    /// How long things may take, in milliseconds.
    pub(crate) times: TimesSection,
    /// How often somebody may come.
    pub(crate) rates: RatesSection,
    /// What several gateways share.
    pub(crate) redis: Option<RedisSection>,
    /// Answers of routes with a cache.
    pub(crate) cache: CacheSection,
    /// Spans of requests, told to a collector.
    pub(crate) traces: Option<TracesSection>,
    /// Who has to wait for the operator.
    pub(crate) maintenance: MaintenanceSection,
    /// TLS towards clients.
    pub(crate) tls: Option<TlsSection>,
    /// Addresses without TLS that lead to those with it.
    pub(crate) redirect: Vec<SocketAddr>,
    /// Certificates for the tenants' own host names.
    pub(crate) acme: Option<AcmeSection>,
    /// What the application receives about the tenant, signed.
    pub(crate) context: Option<ContextSection>,
    /// Passes for the SQL proxy.
    pub(crate) pass: Option<PassSection>,
    /// The applications.
    pub(crate) upstreams: BTreeMap<String, UpstreamSection>,
    /// Where requests go.
    pub(crate) routes: BTreeMap<String, RouteSection>,
    /// Who signs tokens.
    pub(crate) issuers: BTreeMap<String, IssuerSection>,
}

impl Default for GatewaySection {
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            workers: 1,
            metrics: None,
            tenants: None,
            base_domains: Vec::new(),
            reserved_labels: list(&["www", "api", "app", "admin", "auth", "cdn", "static", "mail", "status"]),
            hosts: Vec::new(),
            single_tenant: None,
            tenant_headers: list(&["X-Tenant-ID", "X-Workspace-Id", "X-Tenant"]),
            stamp_headers: list(&["X-Tenant-ID"]),
            trusted_proxies: Vec::new(),
            security_headers: true,
            access_log: AccessLogName::Refused,
            ask_path: None,
            bounds: BoundsSection::default(),
            times: TimesSection::default(),
            rates: RatesSection::default(),
            redis: None,
            cache: CacheSection::default(),
            traces: None,
            maintenance: MaintenanceSection::default(),
            tls: None,
            redirect: Vec::new(),
            acme: None,
            context: None,
            pass: None,
            upstreams: BTreeMap::new(),
            routes: BTreeMap::new(),
            issuers: BTreeMap::new(),
        }
    }
}

/// `access_log`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccessLogName {
    Off,
    Refused,
    All,
}

/// `[gateway.bounds]`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BoundsSection {
    pub(crate) connections_max: Option<usize>,
    pub(crate) head_bytes_max: Option<usize>,
    pub(crate) uri_bytes_max: Option<usize>,
    pub(crate) headers_max: Option<usize>,
    pub(crate) body_bytes_max: Option<u64>,
}

/// `[gateway.times]`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimesSection {
    pub(crate) head_within_ms: Option<u64>,
    pub(crate) idle_within_ms: Option<u64>,
    pub(crate) answer_within_ms: Option<u64>,
    pub(crate) pause_within_ms: Option<u64>,
    pub(crate) connect_within_ms: Option<u64>,
    pub(crate) queue_within_ms: Option<u64>,
    pub(crate) drain_within_ms: Option<u64>,
}

/// `[gateway.rates]`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RatesSection {
    pub(crate) address: Option<RateSection>,
    pub(crate) key: Option<RateSection>,
    pub(crate) tenant: Option<RateSection>,
    /// Gateways among which requests are divided.
    pub(crate) instances: Option<u32>,
    /// Where the budgets of tenants are counted.
    pub(crate) counted: CountedName,
    /// Longest wait for Redis, in milliseconds.
    pub(crate) wait_ms: Option<u64>,
}

/// So many in a second, and so many at once.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateSection {
    pub(crate) per_second: u32,
    #[serde(default)]
    pub(crate) burst: Option<u32>,
}

/// `[gateway.maintenance]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MaintenanceSection {
    pub(crate) all: bool,
    pub(crate) tenants: Vec<String>,
    pub(crate) retry_after_s: u64,
}

impl Default for MaintenanceSection {
    fn default() -> Self {
        Self { all: false, tenants: Vec::new(), retry_after_s: 60 }
    }
}

/// `[gateway.tls]`: certificates by name, `acme.example.com` or `*.example.com`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSection {
    pub(crate) certificates: BTreeMap<String, CertificateSection>,
}

/// One certificate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateSection {
    /// With its chain, PEM.
    pub(crate) certificate: PathBuf,
    /// Its key, PEM.
    pub(crate) key: PathBuf,
}

/// `[gateway.acme]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcmeSection {
    /// The authority's directory.
    pub(crate) directory: String,
    /// `mailto:` addresses.
    #[serde(default)]
    pub(crate) contacts: Vec<String>,
    /// `tls-alpn-01` or `http-01`.
    #[serde(default = "challenge")]
    pub(crate) challenge: ChallengeName,
    /// Folder for certificates and the account, encrypted.
    pub(crate) folder: PathBuf,
    /// File with 32 secret bytes as 64 hexadecimal digits; made if it is not there.
    pub(crate) key_file: PathBuf,
    /// Authorities of the authority's own site, PEM.
    #[serde(default)]
    pub(crate) ca: Option<PathBuf>,
    /// Names beside those of tenants.
    #[serde(default)]
    pub(crate) names: Vec<String>,
    /// Most orders in an hour.
    #[serde(default = "orders_per_hour")]
    pub(crate) orders_per_hour: u32,
}

fn challenge() -> ChallengeName {
    ChallengeName::TlsAlpn01
}

fn orders_per_hour() -> u32 {
    20
}

/// `challenge` of `[gateway.acme]`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum ChallengeName {
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    #[serde(rename = "http-01")]
    Http01,
}

/// `[gateway.context]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContextSection {
    /// File with 32 secret bytes as 64 hexadecimal digits; made if it is not there.
    pub(crate) key_file: PathBuf,
    /// The application has the same secret (HS256), instead of the public key (EdDSA).
    #[serde(default)]
    pub(crate) shared: bool,
    #[serde(default = "issuer")]
    pub(crate) issuer: String,
    #[serde(default = "audience")]
    pub(crate) audience: String,
    #[serde(default = "lifetime")]
    pub(crate) lifetime_s: u64,
    #[serde(default = "jwks_path")]
    pub(crate) jwks_path: String,
}

impl ContextSection {
    /// With this key, and everything else as it is by default.
    pub(crate) fn at(key_file: PathBuf) -> Self {
        let (issuer, audience, jwks_path) = (issuer(), audience(), jwks_path());
        Self { key_file, shared: false, issuer, audience, lifetime_s: lifetime(), jwks_path }
    }
}

fn issuer() -> String {
    "tenantry".into()
}

fn audience() -> String {
    "application".into()
}

fn lifetime() -> u64 {
    60
}

fn jwks_path() -> String {
    "/.well-known/tenantry/jwks.json".into()
}

/// `[gateway.pass]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PassSection {
    /// The file that `tenantry apply` wrote: the key is in it.
    pub(crate) credentials: PathBuf,
    #[serde(default = "lifetime")]
    pub(crate) lifetime_s: u64,
}

/// `[gateway.upstreams.NAME]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpstreamSection {
    /// `host:port` of each server.
    pub(crate) servers: Vec<String>,
    /// Most connections.
    pub(crate) connections_max: u32,
    /// Unused connections that are kept for each server.
    pub(crate) idle_max: usize,
    /// Unused connections are closed after this, in milliseconds.
    pub(crate) idle_within_ms: u64,
    /// Name in the server's certificate: TLS towards it.
    pub(crate) tls_name: Option<String>,
    /// Authorities of that certificate, PEM; the system's if left out.
    pub(crate) ca: Option<PathBuf>,
    /// Path that is asked for to see whether a server is well.
    pub(crate) health_path: Option<String>,
    /// How often, in milliseconds.
    pub(crate) health_every_ms: u64,
}

impl Default for UpstreamSection {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            connections_max: 512,
            idle_max: 128,
            idle_within_ms: 50_000,
            tls_name: None,
            ca: None,
            health_path: None,
            health_every_ms: 5_000,
        }
    }
}

/// `[gateway.routes.NAME]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RouteSection {
    /// Beginning of the paths.
    pub(crate) path: String,
    /// Name of the application; may be left out if there is one.
    pub(crate) upstream: Option<String>,
    /// `required`, `optional` or `none`.
    pub(crate) tenant: NeedName,
    /// `anonymous`, `optional` or `required`.
    pub(crate) authentication: AuthenticationName,
    /// A tenant that is named without proof counts.
    pub(crate) trust_names: bool,
    /// Parameters of the query that name the tenant.
    pub(crate) query_names: Vec<String>,
    /// Members of the body that name the tenant.
    pub(crate) body_names: Vec<String>,
    /// Largest body.
    pub(crate) body_bytes_max: Option<u64>,
    /// Takes webhooks.
    pub(crate) webhook: Option<WebhookSection>,
    /// Who in browsers may read the answers.
    pub(crate) cors: Option<CorsSection>,
    /// Answers are kept.
    pub(crate) cache: Option<RouteCacheSection>,
}

impl Default for RouteSection {
    fn default() -> Self {
        Self {
            path: "/".into(),
            upstream: None,
            tenant: NeedName::Required,
            authentication: AuthenticationName::Anonymous,
            trust_names: false,
            query_names: Vec::new(),
            body_names: Vec::new(),
            body_bytes_max: None,
            webhook: None,
            cors: None,
            cache: None,
        }
    }
}

/// `tenant` of a route.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NeedName {
    Required,
    Optional,
    None,
}

/// `authentication` of a route.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuthenticationName {
    Anonymous,
    Optional,
    Required,
}

/// `[gateway.routes.NAME.webhook]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookSection {
    /// `standard` or `stripe`.
    pub(crate) scheme: SchemeName,
    /// TOML: a secret, or a list of them, by tenant.
    pub(crate) secrets: PathBuf,
    #[serde(default = "tolerance")]
    pub(crate) tolerance_s: u64,
}

fn tolerance() -> u64 {
    300
}

/// `scheme` of a webhook.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SchemeName {
    Standard,
    Stripe,
}

/// `[gateway.routes.NAME.cors]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CorsSection {
    pub(crate) origins: Vec<String>,
    pub(crate) own_hosts: bool,
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) credentials: bool,
    pub(crate) max_age_s: u32,
}
