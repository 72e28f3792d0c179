//! What the user wants, from four places: flag, environment, file, default, in this order.

pub(crate) mod alerts;
pub(crate) mod control;
pub(crate) mod directory;
pub(crate) mod gateway;
mod issuers;
pub(crate) mod proxy;
mod registry_file;
pub(crate) mod sinks;
pub(crate) mod usage;
pub(crate) mod webhooks;

use std::path::PathBuf;

use tenantry_blueprint::registry::Registry;
use tenantry_pg::{Client, Target, connect};

use crate::cli::Global;
use crate::errors::Failure;
use crate::output::{Format, Output};

pub(crate) use registry_file::RegistryFile;

/// Where the registry is looked for if nobody names one.
const REGISTRY_DEFAULT: &str = "tenantry.toml";

/// The settings of one run.
pub(crate) struct Settings {
    database_url: Option<String>,
    /// The registry's place and content.
    pub(crate) registry: RegistryFile,
    /// How to print.
    pub(crate) output: Output,
    /// Never ask.
    pub(crate) yes: bool,
    /// Work with servers below the version floor.
    pub(crate) allow_old_server: bool,
}

impl Settings {
    /// Puts the four places together.
    pub(crate) fn resolve(global: &Global) -> Result<Self, Failure> {
        let registry = match &global.config {
            Some(path) => RegistryFile::named(path)?,
            None => RegistryFile::default_at(&PathBuf::from(REGISTRY_DEFAULT))?,
        };
        let file = &registry.content.tool;
        let format = match (global.format, file.format.as_deref()) {
            (Some(format), _) => format,
            (None, Some(text)) => Format::parse(text)?,
            (None, None) => Format::Human,
        };
        let database_url = global.database_url.clone().or_else(|| env("DATABASE_URL")).or(file.database_url.clone());
        let allow_old_server = global.allow_old_server || file.allow_old_server;
        let output = Output::new(format, global.quiet);
        Ok(Self { database_url, registry, output, yes: global.yes, allow_old_server })
    }

    /// The database to work on, if one was named.
    pub(crate) fn target_if_named(&self) -> Result<Option<Target>, Failure> {
        let Some(url) = &self.database_url else { return Ok(None) };
        let target = Target::parse(url).map_err(|e| {
            Failure::from(e).code("database-url").remedy("write it like postgres://user@host:5432/database")
        })?;
        // as libpq does: a password that is in no address stands in the environment
        Ok(Some(match env("PGPASSWORD").filter(|_| !target.has_password()) {
            Some(password) => {
                let user = target.user().to_owned();
                target.with_login(&user, &password)
            }
            None => target,
        }))
    }

    /// The database to work on.
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        self.target_if_named()?.ok_or_else(|| {
            Failure::caller("no database was named")
                .code("database-url")
                .remedy("give --database-url, or set TENANTRY_DATABASE_URL or DATABASE_URL")
        })
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        Ok(connect(&self.target()?).await?)
    }

    /// The registry's decisions; empty if there is no file.
    pub(crate) fn decisions(&self) -> &Registry {
        &self.registry.content
    }
}

/// Where a service manager listens for what becomes of us.
pub(crate) fn notify_socket() -> Option<String> {
    env("NOTIFY_SOCKET")
}

pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}
