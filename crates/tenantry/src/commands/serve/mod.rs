//! `tenantry serve`: the roles of a running platform, one process or several.

mod control;
mod metrics;
mod notify;
mod roles;
mod sinks;
mod usage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use super::Outcome;
use crate::api::{Api, Place};
use crate::config::directory::Followed;
use crate::config::{RegistryFile, Settings};
use crate::errors::Failure;
use roles::Running;
use usage::{Reporter, To};

const AFTER: &str = "\
Roles:
  control  the API of tenants and keys, on port 8090; publishes the directory file that the proxy follows
  proxy    PostgreSQL clients connect to it instead of the server: it pools connections, and carries the tenant
  gateway  HTTP clients connect to it instead of the application: it finds out which tenant a request is for,
           proves it, keeps it within its limits, and tells the application, signed

Examples:
  tenantry serve --config tenantry.toml
  tenantry serve --roles gateway,proxy
  tenantry serve --roles control,gateway,proxy

The first start of the control plane prints the operator's key, once.
SIGTERM and Ctrl-C let open transactions and requests end, then the process. SIGHUP reads the files again, as
RELOAD does in the proxy's console (database `tenantry`, for logins with admin = true).

Exit codes: 0 stopped as asked, 2 could not start.";

/// Run the parts of the platform: the SQL proxy, the HTTP gateway, the control plane
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// Which parts
    #[arg(long, value_enum, value_delimiter = ',', default_value = "proxy", value_name = "ROLES")]
    roles: Vec<Role>,
    #[command(flatten)]
    place: Place,
}

/// A part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    /// The API of tenants and keys
    Control,
    /// PostgreSQL clients connect to it instead of the server
    Proxy,
    /// HTTP clients connect to it instead of the application
    Gateway,
}

/// Runs until it is asked to stop.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("serve")?;
    let registry = &settings.registry;
    // first, because the others read the directory that it publishes
    let control = match args.roles.contains(&Role::Control) {
        true => Some(control::Running::start(registry, &settings.output).await?),
        false => None,
    };
    if let Some(control) = &control {
        settings.output.say(&format!("control plane listens on http://{}", control.at));
    }
    let to = match &control {
        Some(control) => Some(To::Here(control.plane.clone())),
        None if args.place.is_named() => Some(To::There(Api::of(&args.place, &settings)?)),
        None => None,
    };
    let served = serve(&args.roles, &settings, to).await;
    if let Some(control) = control {
        control.stop().await;
    }
    served.map(|()| Outcome::Fine)
}

/// Runs what stands in the way of clients, until it is asked to stop.
async fn serve(roles: &[Role], settings: &Settings, to: Option<To>) -> Result<(), Failure> {
    let registry = &settings.registry;
    let mut followed = FollowedFiles::new();
    let running = Running::start(roles, registry, &mut followed).await?;
    for file in followed.values() {
        tokio::spawn(file.clone().follow());
    }
    for address in running.metrics() {
        settings.output.say(&format!("metrics are at http://{address}/metrics"));
    }
    notify::ready();
    for (role, address) in running.addresses() {
        settings.output.say(&format!("{role} listens on {address}"));
    }
    let reporting = to.filter(|_| roles.iter().any(|role| *role != Role::Control)).map(|to| {
        let (gateway, proxy) = running.observers();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        (stop, tokio::spawn(Reporter::new(to, gateway, proxy).run(stopped)))
    });
    until_stopped(&running, registry.path(), &mut followed).await?;
    // the manager may ask the moment it is told
    running.drain();
    notify::stopping();
    settings.output.say("stopping: open transactions and requests may end");
    let stopped = tokio::task::spawn_blocking(move || running.stop()).await;
    if let Some((stop, reporter)) = reporting {
        let _ = stop.send(());
        // a panic was logged where it happened
        let _ = reporter.await;
    }
    stopped.map_err(|e| Failure::bug("stop").because(e))
}

type FollowedFiles = BTreeMap<PathBuf, Followed>;

/// Waits for SIGTERM or Ctrl-C; reads the files again on SIGHUP.
async fn until_stopped(running: &Running, path: &Path, followed: &mut FollowedFiles) -> Result<(), Failure> {
    let failed = |e| Failure::bug("listen for signals").because(e);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => {}
            () = running.reload_asked() => {}
        }
        let before: Vec<PathBuf> = followed.keys().cloned().collect();
        match RegistryFile::named(path).and_then(|registry| running.reload(&registry, followed)) {
            Ok(()) => tracing::info!("{} was read again", path.display()),
            Err(failure) => tracing::error!("everything stays as it was: {failure}"),
        }
        for (_, file) in followed.iter().filter(|(path, _)| !before.contains(path)) {
            tokio::spawn(file.clone().follow());
        }
    }
}
