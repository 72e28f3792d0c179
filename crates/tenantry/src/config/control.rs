//! The section `[control]` of the configuration file, and what it becomes.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tenantry_control::{CONNECTIONS_DEFAULT, Secret, Settings};
use tenantry_pg::Target;

use super::alerts::{self, AlertSection};
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
    /// Most connections to the database.
    pub(crate) connections: usize,
    /// File in which tenants, states and keys are published for gateway and proxy.
    pub(crate) directory: Option<PathBuf>,
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

impl Default for ControlSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8090)),
            database_url: None,
            secret_file: None,
            connections: CONNECTIONS_DEFAULT,
            directory: None,
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
    section.base = base;
    if section.connections == 0 {
        return Err(Failure::caller("`connections` in [control] is 0")
            .code("control-settings")
            .remedy("give 1 or more"));
    }
    Ok(section)
}

/// The same as what the control plane starts with. Makes the secret if there is none.
pub(crate) fn build(section: &ControlSection) -> Result<Settings, Failure> {
    let url = env("TENANTRY_CONTROL_DATABASE_URL").or_else(|| section.database_url.clone()).ok_or_else(|| {
        Failure::caller("the control plane has no database")
            .code("control-settings")
            .remedy("set TENANTRY_CONTROL_DATABASE_URL, or `database_url` in [control]: an empty database of its own")
    })?;
    let owner = Target::parse(&url)?;
    let file = section.secret_file.clone().unwrap_or_else(|| SECRET_DEFAULT.into());
    let webhooks = webhooks::build(&section.webhooks)?;
    let alerts = alerts::build(&section.alerts, &section.base)?;
    Ok(Settings { owner, secret: secret(&file)?, connections: section.connections, webhooks, alerts })
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
