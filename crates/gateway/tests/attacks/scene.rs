//! Two tenants, an application, a gateway in front of it, and a client that can write anything.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tenantry_edge::directory::{Credential, Directory, Limits, SnapshotBuilder, TenantFacts, TenantState};
use tenantry_gateway::ablation::Protection;
use tenantry_gateway::settings::*;
use tenantry_gateway::{Gateway, Settings};
use tenantry_model::{KeyKind, TenantKey};
use tenantry_wire::scram::Verifier;

use crate::application::{Application, Received};

pub(crate) const ISSUER: &str = "https://issuer";
pub(crate) const ACME_KEY: &str = "tnt_live_aaaa_0123456789abcdef0123456789abcdef";
pub(crate) const BOLT_KEY: &str = "tnt_live_bbbb_fedcba9876543210fedcba9876543210";
/// Of acme's and bolt's webhooks.
pub(crate) const SECRETS: [(&str, &str); 2] = [("acme", "acme secret"), ("bolt", "bolt secret")];

/// Everything there is to attack.
pub(crate) struct Scene {
    pub(crate) application: Application,
    pub(crate) gateway: Gateway,
    pub(crate) directory: Directory,
}

/// What can be changed before it starts.
pub(crate) type Change = fn(&mut Settings);

impl Scene {
    pub(crate) fn new() -> Self {
        Self::without(None, |_| {})
    }

    pub(crate) fn with(change: Change) -> Self {
        Self::without(None, change)
    }

    pub(crate) fn without(protection: Option<Protection>, change: impl FnOnce(&mut Settings)) -> Self {
        let application = Application::start();
        let directory = Directory::new(tenants(1, &[])).unwrap();
        let mut settings = settings(&application, directory.clone());
        change(&mut settings);
        let gateway = Gateway::start_without(settings, protection).unwrap();
        Self { application, gateway, directory }
    }

    pub(crate) fn client(&self) -> Client {
        let stream = TcpStream::connect(self.gateway.addresses()[0]).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, rest: Vec::new() }
    }

    /// One request on a connection of its own; the status, and what the application received.
    pub(crate) fn ask(&self, request: &str) -> (Answer, Vec<Received>) {
        self.application.take();
        let mut client = self.client();
        client.send(request);
        let answer = client.answer_to(request.split(' ').next().unwrap_or_default());
        (answer, self.application.take())
    }

    /// A GET with these header lines.
    pub(crate) fn get(&self, host: &str, path: &str, lines: &[&str]) -> (Answer, Vec<Received>) {
        self.ask(&get(host, path, lines))
    }

    /// Whether the application receives this path within a while.
    pub(crate) fn saw(&self, path: &str) -> bool {
        (0..50).any(|_| {
            let (_, received) = self.get("acme.example.com", "/look", &[]);
            received.iter().any(|r| r.target() == path)
        })
    }

    /// Requests of a tenant that are under way.
    pub(crate) fn directory_requests(&self, slug: &str) -> u32 {
        let mut requests = 0;
        self.directory.each(|tenant| {
            if tenant.facts().slug.as_deref() == Some(slug) {
                requests += tenant.occupancy().requests();
            }
        });
        requests
    }

    /// Publishes that no key counts any more.
    pub(crate) fn withdraw(&self) {
        self.directory.publish(tenants_with(self.directory.generation() + 1, &[], false)).unwrap();
    }

    /// Publishes that these may not work.
    pub(crate) fn suspend(&self, slugs: &[&str]) {
        self.directory.publish(tenants(self.directory.generation() + 1, slugs)).unwrap();
    }
}

/// The text of a GET.
pub(crate) fn get(host: &str, path: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|l| format!("{l}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n")
}

pub(crate) fn tenants(generation: u64, suspended: &[&str]) -> tenantry_edge::directory::Snapshot {
    tenants_with(generation, suspended, true)
}

fn tenants_with(generation: u64, suspended: &[&str], keys: bool) -> tenantry_edge::directory::Snapshot {
    let mut builder = SnapshotBuilder::new(KeyKind::Integer, generation);
    for (key, slug, secret) in
        [(1, "acme", Some(ACME_KEY)), (2, "bolt", Some(BOLT_KEY)), (3, "slow", None), (4, "www", None)]
    {
        let credentials = secret.filter(|_| keys).map(|secret| Credential {
            id: secret.split('_').nth(2).unwrap().into(),
            verifier: Verifier::from_password(secret.as_bytes(), &[9; 16], 4096).unwrap().to_text().as_str().into(),
            expires_at: None,
        });
        let state = if suspended.contains(&slug) { TenantState::Suspended } else { TenantState::Active };
        let limits = match slug {
            "slow" => Limits {
                requests_per_second: Some(1),
                request_burst: Some(3),
                concurrent_requests: Some(2),
                ..Limits::NONE
            },
            _ => Limits::NONE,
        };
        let domains = vec![Arc::from(format!("shop.{slug}.com"))];
        let (slug, credentials) = (Some(Arc::from(slug)), credentials.into_iter().collect());
        let key = TenantKey::Integer(key);
        builder.add(TenantFacts { slug, state, limits, domains, credentials, ..TenantFacts::new(key) }).unwrap();
    }
    builder.build().unwrap()
}

pub(crate) fn route(path: &str) -> RouteSettings {
    RouteSettings {
        name: path.into(),
        path: path.into(),
        upstream: 0,
        tenant: TenantNeed::Required,
        authentication: Authentication::Anonymous,
        trust_names: false,
        query_names: Vec::new(),
        body_names: Vec::new(),
        body_bytes_max: None,
        webhook: None,
        cors: None,
        cache: None,
    }
}

fn kept(whole_tenant: bool) -> RouteCache {
    RouteCache { whole_tenant, age_max: Duration::from_secs(3600) }
}

fn settings(application: &Application, directory: Directory) -> Settings {
    let secrets = SECRETS.map(|(tenant, secret)| (tenant.to_owned(), vec![secret.into()]));
    let webhook = WebhookSettings {
        scheme: WebhookScheme::Standard,
        secrets: secrets.into(),
        tolerance: Duration::from_secs(300),
    };
    let upstream = UpstreamSettings {
        name: "app".into(),
        servers: vec![application.at.to_string()],
        tls: None,
        connections_max: 64,
        idle_max: 64,
        idle_within: Duration::from_secs(60),
        health_path: None,
        health_every: Duration::from_secs(1),
    };
    let required = Authentication::Required;
    let routes = vec![
        route("/"),
        RouteSettings { authentication: required, ..route("/api") },
        RouteSettings { query_names: vec!["tenantId".into()], trust_names: true, ..route("/query") },
        RouteSettings { body_names: vec!["tenantId".into()], authentication: required, ..route("/body") },
        RouteSettings { webhook: Some(Arc::new(webhook)), ..route("/hooks") },
        RouteSettings { tenant: TenantNeed::None, ..route("/public") },
        RouteSettings { cache: Some(kept(false)), ..route("/kept") },
        RouteSettings { cache: Some(kept(true)), ..route("/kept/all") },
        RouteSettings { cache: Some(kept(true)), authentication: required, ..route("/kept/api") },
        RouteSettings { body_bytes_max: Some(10), ..route("/small") },
        RouteSettings {
            cors: Some(Arc::new(CorsSettings { own_hosts: true, credentials: true, ..CorsSettings::default() })),
            ..route("/cors")
        },
    ];
    let context = ContextSettings::new(
        &[5; 32],
        false,
        "gateway".into(),
        "application".into(),
        Duration::from_secs(60),
        "/.well-known/jwks.json".into(),
    );
    Settings {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        workers: 1,
        directory,
        base_domains: vec!["example.com".into()],
        reserved_labels: vec!["www".into(), "api".into()],
        hosts: vec!["gateway.internal".into()],
        single_tenant: None,
        tenant_headers: vec!["x-tenant-id".into(), "x-workspace-id".into(), "x-tenant".into()],
        stamp_headers: vec!["X-Tenant-ID".into()],
        trusted_proxies: Vec::new(),
        routes: routes.into_iter().map(Arc::new).collect(),
        upstreams: vec![Arc::new(upstream)],
        issuers: vec![issuer(ISSUER, 1, None), issuer("https://bolt", 2, Some("bolt"))],
        context: Some(Arc::new(context.unwrap())),
        pass: None,
        tls: None,
        redirect: Vec::new(),
        acme: None,
        bounds: Bounds::default(),
        times: Times { drain_within: Duration::from_millis(100), ..Times::default() },
        rates: Rates::default(),
        exact: None,
        maintenance: Maintenance::default(),
        security_headers: true,
        access_log: AccessLog::All,
        answers: Some(Arc::new(AnswersSettings {
            cache: CacheSettings { jitter: 0.0, ..CacheSettings::new("test") },
            answer_bytes_max: 10_000,
        })),
        traces: None,
        ask_path: None,
    }
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// One that signs with another algorithm than its keys are fit for.
pub(crate) fn issuer_of_other_algorithm() -> Arc<IssuerSettings> {
    issuer_with("https://only-es256", 3, None, &["ES256"])
}

fn issuer(name: &str, seed: u8, tenant: Option<&str>) -> Arc<IssuerSettings> {
    issuer_with(name, seed, tenant, &["ES256", "EdDSA"])
}

fn issuer_with(name: &str, seed: u8, tenant: Option<&str>, algorithms: &[&str]) -> Arc<IssuerSettings> {
    let parts = IssuerParts {
        issuer: name.into(),
        audiences: vec!["app".into()],
        algorithms: algorithms.iter().map(|a| (*a).to_owned()).collect(),
        source: KeySource::Set(jwks(seed, "k")),
        tenant_claims: vec!["tenant".into()],
        tenant: tenant.map(Into::into),
        token_type: None,
        client: None,
    };
    Arc::new(IssuerSettings::new(parts).unwrap())
}

/// The key set of an issuer.
pub(crate) fn jwks(seed: u8, kid: &str) -> String {
    let x = URL_SAFE_NO_PAD.encode(pair(seed).public_key().as_ref());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x }] }).to_string()
}

/// A token signed by the issuer of this seed.
pub(crate) fn sign(seed: u8, header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair(seed).sign(message.as_bytes()).as_ref()))
}

/// A good token of a tenant.
pub(crate) fn token(tenant: &str) -> String {
    let claims = json!({ "iss": ISSUER, "aud": "app", "exp": 4_000_000_000_u64, "sub": "u1", "tenant": tenant });
    sign(1, &json!({ "alg": "EdDSA", "kid": "k" }), &claims)
}

/// The header line of a good token.
pub(crate) fn bearer(tenant: &str) -> String {
    format!("Authorization: Bearer {}", token(tenant))
}

/// A client that writes whatever it likes.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    rest: Vec<u8>,
}

/// What it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        let value: Value = serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        value["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|l| l.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v).next()
    }
}

impl Client {
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// The next answer; status 0 if the connection ended before one.
    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    pub(crate) fn answer_to(&mut self, method: &str) -> Answer {
        let Some(head) = self.until(b"\r\n\r\n") else {
            return Answer { status: 0, head: String::new(), body: String::new() };
        };
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        if method == "HEAD" || matches!(status, 204 | 304 | 101) {
            return answer;
        }
        if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse().unwrap();
            while self.rest.len() < length && self.read() {}
            answer.body = String::from_utf8_lossy(&self.rest[..length.min(self.rest.len())]).into_owned();
            self.rest.drain(..length.min(self.rest.len()));
        } else if answer.header("transfer-encoding").is_some() {
            while let Some(line) = self.until(b"\r\n") {
                let size = usize::from_str_radix(line.trim(), 16).unwrap();
                while self.rest.len() < size + 2 && self.read() {}
                answer.body.push_str(&String::from_utf8_lossy(&self.rest[..size]));
                self.rest.drain(..size + 2);
                if size == 0 {
                    break;
                }
            }
        } else {
            while self.read() {}
            answer.body = String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned();
        }
        answer
    }

    /// Up to and with a mark.
    pub(crate) fn until(&mut self, mark: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.rest.windows(mark.len()).position(|w| w == mark) {
                let taken: Vec<u8> = self.rest.drain(..at + mark.len()).collect();
                return Some(String::from_utf8_lossy(&taken).into_owned());
            }
            if !self.read() {
                return None;
            }
        }
    }

    /// Whether the other side has ended the connection.
    pub(crate) fn is_over(&mut self) -> bool {
        while self.read() {}
        true
    }

    fn read(&mut self) -> bool {
        let mut room = [0; 4096];
        match self.stream.read(&mut room) {
            Ok(0) => false,
            Ok(count) => {
                self.rest.extend_from_slice(&room[..count]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came: {error}"),
        }
    }
}
