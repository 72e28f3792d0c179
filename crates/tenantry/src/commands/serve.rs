//! `tenantry serve`: the roles of a running platform, one process or several.

use tenantry_proxy::Proxy;
use tokio::signal::unix::{SignalKind, signal};

use super::Outcome;
use crate::config::Settings;
use crate::config::proxy::{self, ProxySection};
use crate::errors::Failure;

const AFTER: &str = "\
Roles:
  proxy    PostgreSQL clients connect to it instead of the server: it pools connections, and carries the tenant

SIGTERM and Ctrl-C let open transactions end, then the process. SIGHUP reads the files again.

Exit codes: 0 stopped as asked, 2 could not start.";

/// Run the parts of the platform: the SQL proxy
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
    /// PostgreSQL clients connect to it instead of the server
    Proxy,
}

/// Runs until it is asked to stop.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    debug_assert!(args.roles.contains(&Role::Proxy), "there is one role yet");
    let registry = &settings.registry;
    let section = registry.content.proxy.clone().unwrap_or_default();
    let section: ProxySection = serde_json::from_value(section).map_err(|e| {
        Failure::caller(format!("[proxy] in {} cannot be read", registry.path().display()))
            .because(e)
            .remedy("see docs/reference/proxy.md for what it may hold")
    })?;
    let proxy = Proxy::start(proxy::build(&section, registry.path())?)
        .map_err(|e| Failure::new(e.class(), "the proxy cannot start").because(e))?;
    for address in proxy.addresses() {
        settings.output.say(&format!("proxy listens on {address}"));
    }
    stop_asked().await?;
    settings.output.say("stopping: open transactions may end");
    let stopped = tokio::task::spawn_blocking(move || proxy.stop()).await;
    stopped.map_err(|e| Failure::bug("stop the proxy").because(e))?;
    Ok(Outcome::Fine)
}

async fn stop_asked() -> Result<(), Failure> {
    let failed = |e| Failure::bug("listen for signals").because(e);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
