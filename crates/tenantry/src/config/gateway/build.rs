//! From the section of the file to the values the gateway is started with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tenantry_edge::directory::{Directory, Limits, domain};
use tenantry_engine::credentials::Credentials;
use tenantry_gateway::Settings;
use tenantry_gateway::settings::{
    AccessLog, AcmeSettings, Authentication, Bounds, Challenge, ContextSettings, CorsSettings, Maintenance,
    PassSettings, Rate, Rates, RouteSettings, TenantNeed, Times, UpstreamSettings, WebhookScheme, WebhookSettings,
};
use tenantry_gateway::tls::{self, Certificates};
use tenantry_model::KeyKind;
use tenantry_model::token::ContextKey;

use super::cluster::exact_of;
use super::keep::{answers_of, route_cache_of};
use super::traces::traces_of;
use super::{
    AccessLogName, AcmeSection, AuthenticationName, BoundsSection, ChallengeName, ContextSection, CorsSection,
    GatewaySection, NeedName, PassSection, RateSection, RatesSection, RouteSection, SchemeName, TimesSection,
    UpstreamSection, WebhookSection, files,
};
use crate::config::directory::{self, Followed, Stored};
use crate::config::issuers;
use crate::errors::Failure;

/// Paths in the file are relative to it.
///
/// `followed` are the tenants' files that are followed already, by path; new ones are added. `certificates` are those
/// of a gateway that runs already: what was ordered for tenants stays in them.
pub(crate) fn build(
    section: &GatewaySection,
    file: &Path,
    followed: &mut BTreeMap<PathBuf, Followed>,
    certificates: &Certificates,
) -> Result<Settings, Failure> {
    let base = file.parent().map(Path::to_path_buf).unwrap_or_default();
    if section.upstreams.is_empty() {
        return Err(wrong(
            "the gateway has no application to serve",
            "add a section [gateway.upstreams.NAME] with `servers`",
        ));
    }
    let names: Vec<&String> = section.upstreams.keys().collect();
    let mut upstreams = Vec::new();
    for (name, upstream) in &section.upstreams {
        upstreams.push(Arc::new(upstream_of(name, upstream, section.workers, &base)?));
    }
    let mut routes = Vec::new();
    for (name, route) in &section.routes {
        routes.push(Arc::new(route_of(name, route, &names, &base)?));
    }
    if routes.is_empty() {
        routes.push(Arc::new(route_of("all", &RouteSection::default(), &names, &base)?));
    }
    if section.issuers.is_empty()
        && let Some(route) = routes.iter().find(|r| r.authentication == Authentication::Required)
        && section.tenants.is_none()
    {
        let what =
            format!("route `{}` requires a credential, and there is neither an issuer nor a tenants' file", route.name);
        return Err(wrong(&what, "add [gateway.issuers.NAME], or name `tenants`, whose keys count"));
    }
    let issuers = issuers::build(&section.issuers, &base, "gateway-settings")?;
    let hosts = |list: &[String], what: &str| list.iter().map(|name| host(name, what)).collect::<Result<Vec<_>, _>>();
    let answers = answers_of(section, &routes, &base)?;
    Ok(Settings {
        listen: section.listen.clone(),
        workers: section.workers,
        directory: tenants(section, &base, followed)?,
        base_domains: hosts(&section.base_domains, "base_domains")?,
        reserved_labels: section.reserved_labels.iter().map(|l| l.to_ascii_lowercase()).collect(),
        hosts: hosts(&section.hosts, "hosts")?,
        single_tenant: section.single_tenant.clone(),
        tenant_headers: headers(&section.tenant_headers, "tenant_headers")?
            .iter()
            .map(|h| h.to_ascii_lowercase())
            .collect(),
        stamp_headers: headers(&section.stamp_headers, "stamp_headers")?,
        trusted_proxies: section.trusted_proxies.clone(),
        routes,
        upstreams,
        issuers,
        context: section.context.as_ref().map(|c| context_of(c, &base).map(Arc::new)).transpose()?,
        pass: section.pass.as_ref().map(|p| pass_of(p, &base)).transpose()?,
        redirect: section.redirect.clone(),
        acme: section.acme.as_ref().map(|a| acme_of(a, &base, certificates).map(Arc::new)).transpose()?,
        tls: tls_of(section, &base, certificates)?.map(Arc::new),
        bounds: bounds_of(&section.bounds, section.workers)?,
        times: times_of(&section.times),
        rates: rates_of(&section.rates)?,
        exact: exact_of(section, &base)?,
        answers,
        traces: section.traces.as_ref().map(|t| traces_of(t, &base).map(Arc::new)).transpose()?,
        maintenance: Maintenance {
            all: section.maintenance.all,
            tenants: section.maintenance.tenants.clone(),
            retry_after: Duration::from_secs(section.maintenance.retry_after_s),
        },
        security_headers: section.security_headers,
        access_log: match section.access_log {
            AccessLogName::Off => AccessLog::Off,
            AccessLogName::Refused => AccessLog::Refused,
            AccessLogName::All => AccessLog::All,
        },
        ask_path: section.ask_path.clone(),
    })
}

pub(super) fn wrong(what: &str, remedy: &str) -> Failure {
    Failure::caller(what).code("gateway-settings").remedy(remedy)
}

fn host(name: &str, key: &str) -> Result<String, Failure> {
    let canonical = domain::canonical(name).map(std::borrow::Cow::into_owned);
    canonical.ok_or_else(|| {
        wrong(
            &format!("`{name}` in `{key}` is no host name"),
            "write it without port and wildcard, other scripts as xn--…",
        )
    })
}

fn headers(names: &[String], key: &str) -> Result<Vec<String>, Failure> {
    // longer ones are not looked at
    let fits =
        |name: &&String| (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match names.iter().find(|name| !fits(name)) {
        Some(name) => {
            Err(wrong(&format!("`{name}` in `{key}` is no name of a header"), "use 1 to 40 letters, digits and -"))
        }
        None => Ok(names.to_vec()),
    }
}

fn tenants(
    section: &GatewaySection,
    base: &Path,
    followed: &mut BTreeMap<PathBuf, Followed>,
) -> Result<Directory, Failure> {
    let Some(path) = &section.tenants else { return Ok(Directory::open(KeyKind::Uuid, Limits::NONE)) };
    let path = base.join(path);
    if let Some(known) = followed.get(&path) {
        return Ok(known.directory());
    }
    let kind = Stored::at(path.clone()).read()?.key_kind;
    let read = directory::read(&path, kind)?;
    Ok(followed.entry(path).or_insert(read).directory())
}

fn upstream_of(
    name: &str,
    section: &UpstreamSection,
    workers: usize,
    base: &Path,
) -> Result<UpstreamSettings, Failure> {
    let is_address =
        |s: &&String| s.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if section.servers.is_empty() {
        return Err(wrong(&format!("upstream `{name}` has no servers"), "list them as `servers = [\"host:port\"]`"));
    }
    if let Some(server) = section.servers.iter().find(|s| !is_address(s)) {
        return Err(wrong(
            &format!("server `{server}` of upstream `{name}` is not host:port"),
            "write for example \"127.0.0.1:3000\"",
        ));
    }
    let tls = section.tls_name.as_ref().map(|tls_name| {
        let ca = section.ca.as_ref().map(|ca| base.join(ca));
        files::client(ca.as_deref()).map(|config| (config, tls_name.clone()))
    });
    // each thread has its part
    let workers_u32 = u32::try_from(workers.max(1)).unwrap_or(u32::MAX);
    Ok(UpstreamSettings {
        name: name.to_owned(),
        servers: section.servers.clone(),
        tls: tls.transpose()?,
        connections_max: section.connections_max.div_ceil(workers_u32).max(1),
        idle_max: section.idle_max.div_ceil(workers.max(1)),
        idle_within: Duration::from_millis(section.idle_within_ms),
        health_path: section.health_path.clone(),
        health_every: Duration::from_millis(section.health_every_ms.max(100)),
    })
}

fn route_of(name: &str, section: &RouteSection, upstreams: &[&String], base: &Path) -> Result<RouteSettings, Failure> {
    if !section.path.starts_with('/') {
        return Err(wrong(
            &format!("the path of route `{name}` does not begin with /"),
            "write for example path = \"/api\"",
        ));
    }
    let upstream = match (&section.upstream, upstreams) {
        (None, [_]) => Some(0),
        (None, _) => None,
        (Some(wanted), _) => upstreams.iter().position(|u| *u == wanted),
    };
    let upstream = upstream.ok_or_else(|| {
        let what = format!("route `{name}` does not say which upstream it leads to, or one that is not there");
        let known: Vec<&str> = upstreams.iter().map(|u| u.as_str()).collect();
        wrong(&what, &format!("name one of them: {}", known.join(", ")))
    })?;
    Ok(RouteSettings {
        name: name.to_owned(),
        path: section.path.clone(),
        upstream,
        tenant: match section.tenant {
            NeedName::Required => TenantNeed::Required,
            NeedName::Optional => TenantNeed::Optional,
            NeedName::None => TenantNeed::None,
        },
        authentication: match section.authentication {
            AuthenticationName::Anonymous => Authentication::Anonymous,
            AuthenticationName::Optional => Authentication::Optional,
            AuthenticationName::Required => Authentication::Required,
        },
        trust_names: section.trust_names,
        query_names: section.query_names.clone(),
        body_names: section.body_names.clone(),
        body_bytes_max: section.body_bytes_max,
        webhook: section.webhook.as_ref().map(|w| webhook_of(w, base).map(Arc::new)).transpose()?,
        cors: section.cors.as_ref().map(|c| Arc::new(cors_of(c))),
        cache: route_cache_of(name, section)?,
    })
}

fn webhook_of(section: &WebhookSection, base: &Path) -> Result<WebhookSettings, Failure> {
    let scheme = match section.scheme {
        SchemeName::Standard => WebhookScheme::Standard,
        SchemeName::Stripe => WebhookScheme::Stripe,
    };
    let secrets = files::secrets(&base.join(&section.secrets))?;
    Ok(WebhookSettings { scheme, secrets, tolerance: Duration::from_secs(section.tolerance_s) })
}

fn cors_of(section: &CorsSection) -> CorsSettings {
    CorsSettings {
        origins: section.origins.clone(),
        own_hosts: section.own_hosts,
        methods: section.methods.clone(),
        headers: section.headers.clone(),
        credentials: section.credentials,
        max_age_seconds: section.max_age_s,
    }
}

fn context_of(section: &ContextSection, base: &Path) -> Result<ContextSettings, Failure> {
    let key = files::key(&base.join(&section.key_file))?;
    let (issuer, audience) = (section.issuer.clone(), section.audience.clone());
    let lifetime = Duration::from_secs(section.lifetime_s);
    ContextSettings::new(&key, section.shared, issuer, audience, lifetime, section.jwks_path.clone())
        .map_err(|e| Failure::caller("the key for contexts cannot be used").because(e).code("gateway-settings"))
}

fn pass_of(section: &PassSection, base: &Path) -> Result<PassSettings, Failure> {
    let credentials = Credentials::read(&base.join(&section.credentials))?;
    let (kid, secret) = (credentials.signing_key.kid, SecretString::from(credentials.signing_key.key.clone()));
    let read = move || ContextKey::from_hex(kid, secret.expose_secret());
    read().map_err(|e| Failure::caller("the signing key in the credentials file is no key").because(e))?;
    // it was read once already
    let key = Box::new(move || read().unwrap_or_else(|_| std::process::abort()));
    Ok(PassSettings { key, lifetime: Duration::from_secs(section.lifetime_s.max(2)) })
}

/// TLS, if there are certificates or an authority that gives some.
fn tls_of(
    section: &GatewaySection,
    base: &Path,
    certificates: &Certificates,
) -> Result<Option<rustls::ServerConfig>, Failure> {
    let mut all = Vec::new();
    for (name, files) in section.tls.iter().flat_map(|tls| &tls.certificates) {
        all.push((name.clone(), files::certified(&base.join(&files.certificate), &base.join(&files.key))?));
    }
    if all.is_empty() && section.acme.is_none() {
        let remedy = "add [gateway.tls.certificates.\"example.com\"]";
        return section.tls.as_ref().map_or(Ok(None), |_| Err(wrong("[gateway.tls] has no certificates", remedy)));
    }
    let unusable = |e| Failure::caller("[gateway.tls] cannot be used").because(e).code("gateway-settings");
    certificates.replace(all).map_err(unusable)?;
    tls::server_config(certificates.clone()).map(Some).map_err(|e| Failure::bug("set TLS up").because(e))
}

fn acme_of(section: &AcmeSection, base: &Path, certificates: &Certificates) -> Result<AcmeSettings, Failure> {
    if !section.directory.starts_with("https://") {
        return Err(wrong(
            "`directory` of [gateway.acme] is no https address",
            "write the address of the authority's directory",
        ));
    }
    let names = section.names.iter().map(|name| host(name, "acme.names")).collect::<Result<_, _>>()?;
    Ok(AcmeSettings {
        directory_url: section.directory.clone(),
        contacts: section.contacts.clone(),
        challenge: match section.challenge {
            ChallengeName::TlsAlpn01 => Challenge::TlsAlpn01,
            ChallengeName::Http01 => Challenge::Http01,
        },
        folder: base.join(&section.folder),
        key: files::key(&base.join(&section.key_file))?,
        root: section.ca.as_ref().map(|ca| base.join(ca)),
        names,
        orders_per_hour: section.orders_per_hour,
        certificates: certificates.clone(),
    })
}

fn bounds_of(section: &BoundsSection, workers: usize) -> Result<Bounds, Failure> {
    let default = Bounds::default();
    let connections = section.connections_max.unwrap_or(default.connections_max);
    let headers_max = section.headers_max.unwrap_or(default.headers_max);
    if !(1..=128).contains(&headers_max) {
        return Err(wrong(&format!("`headers_max` is {headers_max}"), "write 1 to 128"));
    }
    Ok(Bounds {
        connections_max: connections.div_ceil(workers.max(1)),
        head_bytes_max: section.head_bytes_max.unwrap_or(default.head_bytes_max),
        uri_bytes_max: section.uri_bytes_max.unwrap_or(default.uri_bytes_max),
        headers_max,
        body_bytes_max: section.body_bytes_max.unwrap_or(default.body_bytes_max),
    })
}

fn times_of(section: &TimesSection) -> Times {
    let default = Times::default();
    let or = |own: Option<u64>, default| own.map_or(default, Duration::from_millis);
    Times {
        head_within: or(section.head_within_ms, default.head_within),
        idle_within: or(section.idle_within_ms, default.idle_within),
        answer_within: or(section.answer_within_ms, default.answer_within),
        pause_within: or(section.pause_within_ms, default.pause_within),
        connect_within: or(section.connect_within_ms, default.connect_within),
        queue_within: or(section.queue_within_ms, default.queue_within),
        drain_within: or(section.drain_within_ms, default.drain_within),
    }
}

fn rates_of(section: &RatesSection) -> Result<Rates, Failure> {
    let rate = |name: &str, rate: Option<RateSection>| match rate {
        None => Ok(None),
        Some(RateSection { per_second: 0, .. } | RateSection { burst: Some(0), .. }) => {
            Err(wrong(&format!("a rate of 0 in `{name}` lets nobody in"), "write 1 or more, or leave it out"))
        }
        Some(RateSection { per_second, burst }) => Ok(Some(Rate { per_second, burst: burst.unwrap_or(per_second) })),
    };
    Ok(Rates {
        address: rate("rates.address", section.address)?,
        key: rate("rates.key", section.key)?,
        tenant: rate("rates.tenant", section.tenant)?,
        instances: match section.instances {
            Some(0) => return Err(wrong("`instances` in `rates` is 0", "write how many gateways there are")),
            other => other.unwrap_or(1),
        },
    })
}
