//! From the section of the file to the values the proxy is started with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use secrecy::{ExposeSecret, SecretString};
use tenantry_edge::admission::PassKeys;
use tenantry_edge::directory::{Directory, Limits};
use tenantry_engine::credentials::Credentials;
use tenantry_model::KeyKind;
use tenantry_model::token::ContextKey;
use tenantry_pg::{SslMode, Target, client_config};
use tenantry_proxy::Settings;
use tenantry_proxy::settings::{ClientTls, Database, LoginSettings, Mode, Server, ServerTls, SlotLogin};
use tenantry_wire::scram::{self, Decoy, ITERATIONS_MIN, Verifier};

use crate::config::directory::{self, Followed};

use super::{DatabaseSection, KeyName, LoginSection, ModeName, ProxySection, SslModeName, TlsSection, passwords};
use crate::errors::Failure;

/// What the secret is derived for that makes salts.
const SALTS: &str = "salts of the proxy's logins";

/// Paths in the file are relative to it.
///
/// `followed` are the tenants' files that are followed already, by path; new ones are added.
pub(crate) fn build(
    section: &ProxySection,
    file: &Path,
    followed: &mut BTreeMap<PathBuf, Followed>,
) -> Result<Settings, Failure> {
    let base = file.parent().map(Path::to_path_buf).unwrap_or_default();
    if section.databases.is_empty() {
        return Err(Failure::caller("the proxy has no database to serve")
            .remedy("add a section [proxy.databases.NAME] to the configuration file"));
    }
    if section.databases.contains_key(tenantry_proxy::console::DATABASE) {
        return Err(Failure::caller("database name `tenantry` is the console's").code("proxy-settings").remedy(
            "give the section [proxy.databases.tenantry] another name; `database` says what it is called on the server",
        ));
    }
    let has_authority = section.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if let Some((name, _)) = section.logins.iter().find(|(_, l)| l.certificate.is_some()).filter(|_| !has_authority) {
        return Err(Failure::caller(format!(
            "login `{name}` has a certificate, and no authority is named that signs them"
        ))
        .code("proxy-settings")
        .remedy("name its file as `client_ca` in [proxy.tls]"));
    }
    let mut databases = Vec::new();
    for (name, section) in &section.databases {
        databases.push(Arc::new(database(name, section, &base, followed)?));
    }
    let mock_secret = salts_secret(&databases)?;
    let decoy = Decoy::new(mock_secret, ITERATIONS_MIN);
    let logins =
        section.logins.iter().map(|(name, l)| login(name, l, &base, &decoy).map(Arc::new)).collect::<Result<_, _>>()?;
    Ok(Settings {
        listen: section.listen.clone(),
        socket_folder: section.socket_folder.as_ref().map(|p| base.join(p)),
        workers: section.workers,
        databases,
        logins,
        separator: section.separator,
        presets: section.presets.iter().map(|p| p.to_ascii_lowercase()).collect(),
        parameters: section.parameters.clone(),
        tls: section.tls.as_ref().map(|t| tls(t, &base).map(Arc::new)).transpose()?,
        clients_max: section.clients_max.div_ceil(section.workers.max(1)),
        prepared_max: section.prepared_max.max(1),
        queue_wait: Duration::from_millis(section.queue_wait_ms),
        login_within: Duration::from_millis(section.login_within_ms),
        read_within: Duration::from_millis(section.read_within_ms),
        drain_within: Duration::from_millis(section.drain_within_ms),
        mock_secret,
    })
}

/// Salts that stay the same when the proxy starts again: who asks twice must not learn from a changed one which names
/// exist. Without an isolated database there is no tenant to guess, and nothing that lasts.
fn salts_secret(databases: &[Arc<Database>]) -> Result<[u8; 32], Failure> {
    if let Some(key) = databases.iter().find_map(|database| database.context_key.as_ref()) {
        return Ok(key().derive(SALTS));
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|e| Failure::bug(format!("draw random numbers: {e}")))?;
    Ok(secret)
}

fn mode(name: ModeName) -> Mode {
    match name {
        ModeName::Transaction => Mode::Transaction,
        ModeName::Session => Mode::Session,
    }
}

fn kind(name: KeyName) -> KeyKind {
    match name {
        KeyName::Uuid => KeyKind::Uuid,
        KeyName::Integer => KeyKind::Integer,
        KeyName::Bigint => KeyKind::Bigint,
        KeyName::Text => KeyKind::Text,
    }
}

fn login(name: &str, section: &LoginSection, base: &Path, decoy: &Decoy) -> Result<LoginSettings, Failure> {
    let verifier = match (&section.verifier, &section.password_file) {
        (Some(_), Some(_)) => {
            return Err(Failure::caller(format!("login `{name}` has both a verifier and a password file"))
                .remedy("keep one of them"));
        }
        (Some(text), None) => Some(Verifier::parse(text).map_err(|e| {
            Failure::caller(format!("the verifier of login `{name}` cannot be read"))
                .because(e)
                .remedy("write it as PostgreSQL stores it: SCRAM-SHA-256$4096:salt$stored:server")
        })?),
        (None, Some(file)) => {
            let password = passwords::read(&base.join(file))?;
            let salt = decoy.salt(name);
            let made = Verifier::from_password(password.expose_secret().as_bytes(), &salt, ITERATIONS_MIN);
            Some(
                made.map_err(|e| Failure::caller(format!("the password of login `{name}` cannot be used")).because(e))?,
            )
        }
        (None, None) => None,
    };
    Ok(LoginSettings {
        name: name.to_owned(),
        verifier,
        databases: section.databases.clone(),
        admin: section.admin,
        mode: section.mode.map(mode),
        certificate: section.certificate.clone(),
    })
}

fn database(
    name: &str,
    section: &DatabaseSection,
    base: &Path,
    followed: &mut BTreeMap<PathBuf, Followed>,
) -> Result<Database, Failure> {
    let (mut database, slots, signing, known) = match &section.credentials {
        Some(path) => isolated(section, &base.join(path))?,
        None => plain(name, section, base)?,
    };
    let key = match (section.key.map(kind), known) {
        (Some(said), Some(known)) if said != known => {
            return Err(Failure::caller(format!(
                "database `{name}` has `key = \"{said:?}\"`, and its tenant column is {known:?}"
            ))
            .code("proxy-settings")
            .remedy("leave `key` out: the credentials file names it"));
        }
        (said, known) => said.or(known).unwrap_or(KeyKind::Uuid),
    };
    if let Some(own) = &section.database {
        database.2.clone_from(own);
    }
    let (host, port, server_name) = database;
    let pass_keys = match &signing {
        Some((kid, secret)) => Some(PassKeys::new([context_key(*kid, secret)?], key, None)),
        None => None,
    };
    let context_key = signing.map(|(kid, secret)| {
        let make: Box<dyn Fn() -> ContextKey + Send + Sync> = Box::new(move || {
            // it was read once already
            context_key(kid, &secret).unwrap_or_else(|_| std::process::abort())
        });
        make
    });
    let directory = match &section.directory {
        Some(path) => {
            let path = base.join(path);
            match followed.get(&path) {
                Some(known) => known.directory(),
                None => {
                    let read = directory::read(&path, key)?;
                    followed.entry(path).or_insert(read).directory()
                }
            }
        }
        None => Directory::open(key, Limits::NONE),
    };
    Ok(Database {
        name: name.into(),
        server_name,
        server: Server { tls: server_tls(section, &host, base)?, host, port },
        slots,
        context_key,
        pass_keys,
        directory,
        mode: section.mode.map_or(Mode::Transaction, mode),
        lifetime: Duration::from_secs(section.lifetime_s.unwrap_or(3600)),
        idle_time: Duration::from_secs(section.idle_s.unwrap_or(600)),
        connect_within: Duration::from_millis(section.connect_within_ms.unwrap_or(10_000)),
    })
}

/// TLS towards the server. As with libpq TLS is taken where the server has it; inside this machine nobody listens, and
/// it is left out.
fn server_tls(section: &DatabaseSection, host: &str, base: &Path) -> Result<Option<ServerTls>, Failure> {
    let is_here = host.starts_with('/')
        || host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let default = match (&section.sslrootcert, is_here) {
        (Some(_), _) => SslModeName::VerifyFull,
        (None, true) => SslModeName::Disable,
        (None, false) => SslModeName::Prefer,
    };
    let mode = match section.sslmode.unwrap_or(default) {
        SslModeName::Disable => return Ok(None),
        SslModeName::Prefer => SslMode::Prefer,
        SslModeName::Require => SslMode::Require,
        SslModeName::VerifyCa => SslMode::VerifyCa,
        SslModeName::VerifyFull => SslMode::VerifyFull,
    };
    if host.starts_with('/') {
        return Err(Failure::caller(format!("a Unix socket ({host}) speaks no TLS"))
            .code("proxy-settings")
            .remedy("leave `sslmode` and `sslrootcert` out"));
    }
    let root = section.sslrootcert.as_ref().map(|path| base.join(path));
    let target = Target::new(host, 0, "", None, "").with_ssl(mode, root.as_deref());
    let config = Arc::new(client_config(&target)?);
    Ok(Some(ServerTls { config, required: mode != SslMode::Prefer }))
}

type Address = (String, u16, String);
type Signing = Option<(i16, SecretString)>;
/// Address, logins, signing key, and the type of the tenant column as far as it is known.
type Known = (Address, Vec<SlotLogin>, Signing, Option<KeyKind>);

fn context_key(kid: i16, secret: &SecretString) -> Result<ContextKey, Failure> {
    ContextKey::from_hex(kid, secret.expose_secret())
        .map_err(|e| Failure::caller("the signing key in the credentials file is no key").because(e))
}

fn isolated(section: &DatabaseSection, path: &Path) -> Result<Known, Failure> {
    let credentials = Credentials::read(path)?;
    let slots = credentials
        .logins
        .iter()
        .map(|l| SlotLogin { user: l.user.clone(), password: SecretString::from(l.password.clone()) })
        .take(section.connections.unwrap_or(usize::MAX))
        .collect();
    let host = section.host.clone().unwrap_or_else(|| credentials.host.clone());
    let signing = (credentials.signing_key.kid, SecretString::from(credentials.signing_key.key.clone()));
    let address = (host, section.port.unwrap_or(credentials.port), credentials.database.clone());
    Ok((address, slots, Some(signing), credentials.tenant_key))
}

fn plain(name: &str, section: &DatabaseSection, base: &Path) -> Result<Known, Failure> {
    let missing = |what: &str| {
        Failure::caller(format!("database `{name}` has neither `credentials` nor `{what}`")).remedy(
            "name the credentials file that `tenantry apply` wrote, or user, password_file, host and connections",
        )
    };
    let user = section.user.clone().ok_or_else(|| missing("user"))?;
    let file = section.password_file.as_ref().ok_or_else(|| missing("password_file"))?;
    let password = passwords::read(&base.join(file))?;
    let connections = section.connections.unwrap_or(10);
    let slots = (0..connections).map(|_| SlotLogin { user: user.clone(), password: password.clone() }).collect();
    let host = section.host.clone().ok_or_else(|| missing("host"))?;
    Ok(((host, section.port.unwrap_or(5432), name.to_owned()), slots, None, None))
}

fn tls(section: &TlsSection, base: &Path) -> Result<ClientTls, Failure> {
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |e| {
            Failure::caller(format!("cannot read {path}")).because(e).remedy("check the path; the file must be PEM")
        }
    };
    let certificate = base.join(&section.certificate);
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(&certificate).and_then(Iterator::collect).map_err(unreadable(&certificate))?;
    let key = base.join(&section.key);
    let key = PrivateKeyDer::from_pem_file(&key).map_err(unreadable(&key))?;
    let end_point = chain.first().and_then(|c| scram::end_point(c));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| Failure::bug("set TLS up").because(e))?;
    let builder = match &section.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let path = base.join(path);
            let mut roots = rustls::RootCertStore::empty();
            for authority in CertificateDer::pem_file_iter(&path).map_err(unreadable(&path))? {
                let authority = authority.map_err(unreadable(&path))?;
                roots
                    .add(authority)
                    .map_err(|e| Failure::caller(format!("{} holds no authority", path.display())).because(e))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|e| Failure::caller(format!("{} cannot be used", path.display())).because(e))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|e| Failure::caller("certificate and key of [proxy.tls] do not fit").because(e))?;
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(ClientTls { config: Arc::new(config), end_point, required: section.required })
}
