//! The role `control`: its API, and the directory file it keeps for gateway and proxy.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tenantry_control::{Control, Published};
use tenantry_model::Class;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::RegistryFile;
use crate::config::control::{build, section};
use crate::errors::Failure;
use crate::output::Output;
use crate::output::files;

/// How often to look whether the directory changed: what is committed is out within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A control plane that runs.
pub(super) struct Running {
    /// Where its API is.
    pub(super) at: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), std::io::Error>>,
    publisher: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts it. The directory file is there when this returns.
    pub(super) async fn start(registry: &RegistryFile, output: &Output) -> Result<Self, Failure> {
        let section = section(registry)?;
        let control = Control::start(build(&section)?).await.map_err(failed)?;
        let listener = TcpListener::bind(section.listen).await.and_then(|l| Ok((l.local_addr()?, l)));
        let (at, listener) = listener.map_err(|e| {
            Failure::new(Class::Unavailable, format!("cannot listen on {} for the control plane", section.listen))
                .because(e)
                .code("control-settings")
                .remedy("give `listen` in [control] another address")
        })?;
        let publisher = match section.directory {
            Some(path) => Some(publish(control.clone(), path).await?),
            None => None,
        };
        if let Some(key) = control.first_key() {
            output.say("this is the operator's key; it is shown this once, and kept nowhere:");
            output.text(&format!("{key}\n"))?;
        }
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(control.serve(listener, async move {
            // a sender that is gone says the same
            let _ = stopped.await;
        }));
        Ok(Self { at, stop, task, publisher })
    }

    /// Answers what was begun, and ends.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        if let Some(publisher) = self.publisher {
            publisher.abort();
        }
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("the control plane ended: {error}"),
            Err(error) => tracing::error!("the control plane ended: {error}"),
        }
    }
}

/// Writes the directory, and again whenever it changed.
async fn publish(control: Control, path: PathBuf) -> Result<JoinHandle<()>, Failure> {
    let first = control.directory_if_changed(0).await.map_err(failed)?;
    let mut known = match first {
        Some(published) => write(&path, &published)?,
        None => 0,
    };
    Ok(tokio::spawn(async move {
        let mut interval = tokio::time::interval(LOOK_EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match control.directory_if_changed(known).await {
                Ok(None) => {}
                Ok(Some(published)) => match write(&path, &published) {
                    Ok(generation) => known = generation,
                    Err(failure) => tracing::error!("gateway and proxy were not told of a change: {failure}"),
                },
                Err(error) => tracing::warn!("cannot look whether tenants changed: {error}"),
            }
        }
    }))
}

fn write(path: &Path, published: &Published) -> Result<i64, Failure> {
    files::replace(path, &published.text)?;
    tracing::info!("{} tenants published in {}", published.tenants, path.display());
    Ok(published.generation)
}

fn failed(error: tenantry_control::Error) -> Failure {
    let failure = Failure::new(error.class(), "the control plane cannot start").code("control-settings");
    failure.because(error).remedy("check `database_url`: the login must own the database and may make roles")
}
