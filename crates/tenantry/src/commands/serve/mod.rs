//! `tenantry serve`: the roles of a running platform, one process or several.

mod control;
mod metrics;
mod notify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tenantry_proxy::Proxy;
use tokio::signal::unix::{SignalKind, signal};

use super::Outcome;
use crate::config::directory::Followed;
use crate::config::proxy::{self, ProxySection};
use crate::config::{RegistryFile, Settings};
use crate::errors::Failure;

const AFTER: &str = "\
Roles:
  control  the API of tenants and keys, on port 8080; publishes the directory file that the proxy follows
  proxy    PostgreSQL clients connect to it instead of the server: it pools connections, and carries the tenant

Examples:
  tenantry serve --config tenantry.toml
  tenantry serve --roles control,proxy

The first start of the control plane prints the operator's key, once.
SIGTERM and Ctrl-C let open transactions end, then the process. SIGHUP reads the files again, as
RELOAD does in the console (database `tenantry`, for logins with admin = true).

Exit codes: 0 stopped as asked, 2 could not start.";

/// Run the parts of the platform: the SQL proxy, the control plane
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// Which parts
    #[arg(long, value_enum, value_delimiter = ',', default_value = "proxy", value_name = "ROLES")]
    roles: Vec<Role>,
}

/// A part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    /// The API of tenants and keys
    Control,
    /// PostgreSQL clients connect to it instead of the server
    Proxy,
}

/// Runs until it is asked to stop.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("serve")?;
    let registry = &settings.registry;
    // first, because the proxy reads the directory that it publishes
    let control = match args.roles.contains(&Role::Control) {
        true => Some(control::Running::start(registry, &settings.output).await?),
        false => None,
    };
    if let Some(control) = &control {
        settings.output.say(&format!("control plane listens on http://{}", control.at));
    }
    let served = match args.roles.contains(&Role::Proxy) {
        true => serve_proxy(registry, &settings).await,
        false => until_asked().await,
    };
    if let Some(control) = control {
        control.stop().await;
    }
    served.map(|()| Outcome::Fine)
}

/// Without a proxy: ready, then stopping.
async fn until_asked() -> Result<(), Failure> {
    notify::ready();
    let failed = |e| Failure::bug("listen for signals").because(e);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    notify::stopping();
    Ok(())
}

async fn serve_proxy(registry: &RegistryFile, settings: &Settings) -> Result<(), Failure> {
    let mut followed = BTreeMap::new();
    let section = section(registry)?;
    let proxy = Proxy::start(proxy::build(&section, registry.path(), &mut followed)?)
        .map_err(|e| Failure::new(e.class(), "the proxy cannot start").because(e))?;
    for file in followed.values() {
        tokio::spawn(file.clone().follow());
    }
    let machines = match section.metrics {
        Some(at) => Some(metrics::Door::open(at, proxy.observer()).await?),
        None => None,
    };
    if let Some(door) = &machines {
        settings.output.say(&format!("metrics are at http://{}/metrics", door.address()));
    }
    notify::ready();
    for address in proxy.addresses() {
        settings.output.say(&format!("proxy listens on {address}"));
    }
    until_stopped(&proxy, registry.path(), &mut followed).await?;
    notify::stopping();
    if let Some(door) = &machines {
        door.drain();
    }
    settings.output.say("stopping: open transactions may end");
    let stopped = tokio::task::spawn_blocking(move || proxy.stop()).await;
    stopped.map_err(|e| Failure::bug("stop the proxy").because(e))
}

type FollowedFiles = BTreeMap<PathBuf, Followed>;

/// What the file says the proxy shall be.
fn section(registry: &RegistryFile) -> Result<ProxySection, Failure> {
    let section = registry.content.proxy.clone().unwrap_or_else(|| serde_json::json!({}));
    serde_json::from_value(section).map_err(|e| {
        Failure::caller(format!("[proxy] in {} cannot be read", registry.path().display()))
            .because(e)
            .code("proxy-settings")
            .remedy("docs/reference/proxy.md says what it may hold")
    })
}

/// The same as values, with the tenants' files that are followed.
fn read(registry: &RegistryFile, followed: &mut FollowedFiles) -> Result<tenantry_proxy::Settings, Failure> {
    proxy::build(&section(registry)?, registry.path(), followed)
}

/// Waits for SIGTERM or Ctrl-C; reads the files again on SIGHUP.
async fn until_stopped(proxy: &Proxy, path: &Path, followed: &mut FollowedFiles) -> Result<(), Failure> {
    let failed = |e| Failure::bug("listen for signals").because(e);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => {}
            () = proxy.reload_asked() => {}
        }
        let before: Vec<PathBuf> = followed.keys().cloned().collect();
        match RegistryFile::named(path).and_then(|registry| read(&registry, followed)) {
            Ok(settings) => {
                proxy.reload(settings);
                tracing::info!("{} was read again", path.display());
            }
            Err(failure) => tracing::error!("everything stays as it was: {failure}"),
        }
        for (_, file) in followed.iter().filter(|(path, _)| !before.contains(path)) {
            tokio::spawn(file.clone().follow());
        }
    }
}
