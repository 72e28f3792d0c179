//! The section `[control]` of the configuration file, and what it becomes.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde::Deserialize;
use tenantry_control::{Application, CONNECTIONS_DEFAULT, Mode, Secret, Settings, SignIn, VALIDATION_AGE_MAX};
use tenantry_engine::credentials::Credentials;
use tenantry_model::token::ContextKey;
use tenantry_pg::Target;

use super::alerts::{self, AlertSection};
use super::issuers::{self, IssuerSection};
use super::proxy::passwords;
use super::sinks::AuditSection;
use super::usage::UsageSection;
use super::webhooks::{self, WebhookSection};
use super::{RegistryFile, env};
use crate::errors::Failure;

/// Where the secret is, unless the section says otherwise.
const SECRET_DEFAULT: &str = "control.secret";

/// `[control]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ControlSection {
    /// Where the API listens, over HTTP: on the loopback, or behind something that speaks TLS.
    pub(crate) listen: SocketAddr,
    /// Its database, as the owner; TENANTRY_CONTROL_DATABASE_URL wins.
    pub(crate) database_url: Option<String>,
    /// File of its secret; made on the first start.
    pub(crate) secret_file: Option<PathBuf>,
    /// The application's database, as a member of its quota role alone; TENANTRY_CONTROL_APPLICATION_URL wins. Limits
    /// are written there, and use is asked there.
    pub(crate) application_url: Option<String>,
    /// Most connections to the database, and as many to the application's.
    pub(crate) connections: usize,
    /// How old the numbers may be behind a validation of quotas that is clearly allowed, in milliseconds; 0 asks the
    /// database each time.
    pub(crate) validation_age_ms: u64,
    /// File in which tenants, states and keys are published for gateway and proxy.
    pub(crate) directory: Option<PathBuf>,
    /// Where signing keys are kept.
    pub(crate) database: DatabaseSection,
    /// How it is used, and who has to say who he is.
    pub(crate) authentication: ModeName,
    /// The slug of the only tenant there is, with `single-tenant`.
    pub(crate) tenant: Option<String>,
    /// Whose tokens count.
    pub(crate) issuers: BTreeMap<String, IssuerSection>,
    /// Databases of the application, by the name under which they are registered.
    pub(crate) databases: BTreeMap<String, ApplicationSection>,
    /// How events are delivered.
    pub(crate) webhooks: WebhookSection,
    /// What is watched, and who is told.
    pub(crate) alerts: AlertSection,
    /// What is looked at in the application's database.
    pub(crate) usage: UsageSection,
    /// Where audit entries go besides the database.
    pub(crate) audit: AuditSection,
    /// What paths are relative to.
    #[serde(skip)]
    pub(crate) base: PathBuf,
}

/// `[control.database]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatabaseSection {
    /// As a member of the role that owns schema `tenantry`; TENANTRY_CONTROL_KEEPER_URL wins.
    keeper_url: Option<String>,
}

/// `authentication`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ModeName {
    #[default]
    MultiTenant,
    SingleTenant,
    Anonymous,
}

/// `[control.databases.NAME]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplicationSection {
    /// Its address, with a login that may make schemas, databases and roles; TENANTRY_DATABASE_NAME_URL wins.
    url: Option<String>,
    /// File with that login's password.
    password_file: Option<PathBuf>,
    /// The file that `tenantry apply` wrote, where the database is isolated: to erase rows of shared tenants.
    credentials: Option<PathBuf>,
    /// The runtime's group, if it is not `{database}_rt`.
    runtime: Option<String>,
}

impl Default for ControlSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8090)),
            database_url: None,
            secret_file: None,
            application_url: None,
            connections: CONNECTIONS_DEFAULT,
            validation_age_ms: 0,
            directory: None,
            database: DatabaseSection::default(),
            authentication: ModeName::default(),
            tenant: None,
            issuers: BTreeMap::new(),
            databases: BTreeMap::new(),
            webhooks: WebhookSection::default(),
            usage: UsageSection::default(),
            alerts: AlertSection::default(),
            audit: AuditSection::default(),
            base: PathBuf::new(),
        }
    }
}

/// What the file says the control plane shall be. Paths in it are relative to it.
pub(crate) fn section(registry: &RegistryFile) -> Result<ControlSection, Failure> {
    let section = registry.content.control.clone().unwrap_or_else(|| serde_json::json!({}));
    let mut section: ControlSection = serde_json::from_value(section).map_err(|e| {
        Failure::caller(format!("[control] in {} cannot be read", registry.path().display()))
            .because(e)
            .code("control-settings")
            .remedy("docs/reference/control.md says what it may hold")
    })?;
    let base = registry.path().parent().map(PathBuf::from).unwrap_or_default();
    section.secret_file = Some(base.join(section.secret_file.unwrap_or_else(|| SECRET_DEFAULT.into())));
    section.directory = section.directory.map(|path| base.join(path));
    for database in section.databases.values_mut() {
        for file in [&mut database.password_file, &mut database.credentials] {
            *file = file.take().map(|path| base.join(path));
        }
    }
    section.base = base;
    if section.connections == 0 {
        return Err(Failure::caller("`connections` in [control] is 0")
            .code("control-settings")
            .remedy("give 1 or more"));
    }
    if section.authentication == ModeName::Anonymous && !section.listen.ip().is_loopback() {
        let what = format!("[control] asks nobody who he is, and listens on {}", section.listen);
        return Err(Failure::caller(what)
            .code("control-settings")
            .remedy("listen on 127.0.0.1 with `authentication = \"anonymous\"`, or let people and programs sign in"));
    }
    if (section.authentication == ModeName::SingleTenant) != section.tenant.is_some() {
        return Err(Failure::caller("`tenant` and `authentication = \"single-tenant\"` in [control] go together")
            .code("control-settings")
            .remedy("name the slug of the only tenant in `tenant`, or leave both out"));
    }
    Ok(section)
}

/// The same as what the control plane starts with. Makes the secret if there is none. Paths of issuers are relative to
/// the configuration file.
pub(crate) fn build(section: &ControlSection, file: &Path) -> Result<Settings, Failure> {
    let url = env("TENANTRY_CONTROL_DATABASE_URL").or_else(|| section.database_url.clone()).ok_or_else(|| {
        Failure::caller("the control plane has no database")
            .code("control-settings")
            .remedy("set TENANTRY_CONTROL_DATABASE_URL, or `database_url` in [control]: an empty database of its own")
    })?;
    let owner = Target::parse(&url)?;
    let mode = match (section.authentication, &section.tenant) {
        (ModeName::SingleTenant, Some(tenant)) => Mode::SingleTenant(tenant.clone()),
        (ModeName::Anonymous, _) => Mode::Anonymous,
        _ => Mode::MultiTenant,
    };
    let base = file.parent().map(PathBuf::from).unwrap_or_default();
    let sign_in = SignIn { mode, issuers: issuers::build(&section.issuers, &base, "control-settings")? };
    let file = section.secret_file.clone().unwrap_or_else(|| SECRET_DEFAULT.into());
    let application = env("TENANTRY_CONTROL_APPLICATION_URL").or_else(|| section.application_url.clone());
    let application = application.map(|url| Target::parse(&url)).transpose()?;
    let validation_age = Duration::from_millis(section.validation_age_ms);
    if validation_age > VALIDATION_AGE_MAX {
        return Err(Failure::caller("`validation_age_ms` in [control] is too large")
            .code("control-settings")
            .remedy(format!("give at most {}", VALIDATION_AGE_MAX.as_millis())));
    }
    let keeper = env("TENANTRY_CONTROL_KEEPER_URL").or_else(|| section.database.keeper_url.clone());
    let keeper = keeper.map(|url| Target::parse(&url)).transpose()?;
    let applications = section.databases.iter().map(|(name, section)| Ok((name.clone(), place(name, section)?)));
    let applications = applications.collect::<Result<_, Failure>>()?;
    Ok(Settings {
        owner,
        secret: secret(&file)?,
        connections: section.connections,
        application,
        validation_age,
        sign_in,
        keeper,
        applications,
        webhooks: webhooks::build(&section.webhooks)?,
        alerts: alerts::build(&section.alerts, &section.base)?,
    })
}

/// A database of the application, with its login.
fn place(name: &str, section: &ApplicationSection) -> Result<Application, Failure> {
    let variable = format!("TENANTRY_DATABASE_{}_URL", name.to_uppercase().replace('-', "_"));
    let url = env(&variable).or_else(|| section.url.clone()).ok_or_else(|| {
        Failure::caller(format!("[control.databases.{name}] has no address"))
            .code("control-settings")
            .remedy(format!("set {variable}, or `url` there"))
    })?;
    let mut target = Target::parse(&url)?;
    if let Some(file) = &section.password_file {
        let password = passwords::read(file)?;
        let user = target.user().to_owned();
        target = target.with_login(&user, password.expose_secret());
    }
    let context_key = match &section.credentials {
        None => None,
        Some(path) => {
            let credentials = Credentials::read(path)?;
            let key = ContextKey::from_hex(credentials.signing_key.kid, &credentials.signing_key.key)
                .map_err(|e| Failure::caller(format!("the signing key in {} is no key", path.display())).because(e))?;
            Some(Arc::new(key))
        }
    };
    Ok(Application { target, context_key, runtime: section.runtime.clone() })
}

/// The secret in this file; made if there is none.
pub(crate) fn secret(path: &Path) -> Result<Secret, Failure> {
    let failed = |e: std::io::Error| {
        Failure::caller(format!("cannot use the control plane's secret {}", path.display()))
            .because(e)
            .code("control-settings")
            .remedy("check the path in `secret_file` of [control], and that this user may read and write there")
    };
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
            if mode & 0o077 != 0 {
                let what = format!("others may read the control plane's secret {}", path.display());
                let remedy = format!("chmod 600 {}", path.display());
                return Err(Failure::caller(what).code("control-settings").remedy(remedy));
            }
            Secret::from_hex(&text).ok_or_else(|| {
                Failure::caller(format!("{} does not hold 64 hexadecimal digits", path.display()))
                    .code("control-settings")
                    .remedy("put the secret back from a copy: with another one no key of any tenant is valid")
            })
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let secret = Secret::random().map_err(|e| Failure::new(e.class(), "cannot draw a secret").because(e))?;
            // who comes second uses what the first wrote
            let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => return self::secret(path),
                other => other.map_err(failed)?,
            };
            file.write_all(format!("{}\n", *secret.to_hex()).as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(failed)?;
            Ok(secret)
        }
        Err(e) => Err(failed(e)),
    }
}
