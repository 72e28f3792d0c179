//! The role `control`: its API, and the directory file it keeps for gateway and proxy.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tenantry_control::{Control, Mode, Published};
use tenantry_edge::directory::file::DirectoryFile;
use tenantry_model::Class;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::RegistryFile;
use crate::config::control::{build, section};
use crate::config::directory::Stored;
use crate::config::sinks;
use crate::config::usage::{self, Sampling};
use crate::errors::Failure;
use crate::output::Output;

/// How often to look whether the directory changed: what is committed is out within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A control plane that runs.
pub(super) struct Running {
    /// Where its API is.
    pub(super) at: SocketAddr,
    /// Itself.
    pub(super) plane: Control,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), std::io::Error>>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Starts it. The directory file is there when this returns.
    pub(super) async fn start(registry: &RegistryFile, output: &Output) -> Result<Self, Failure> {
        let section = section(registry)?;
        let settings = build(&section, registry.path())?;
        let sinks = sinks::build(&section.audit, &section.base)?;
        if settings.sign_in.mode == Mode::Anonymous {
            output.say("WARNING: the control plane asks nobody who he is: whoever reaches this machine's loopback is its operator");
        }
        let listener = TcpListener::bind(section.listen).await.and_then(|l| Ok((l.local_addr()?, l)));
        let (at, listener) = listener.map_err(|e| {
            Failure::new(Class::Unavailable, format!("cannot listen on {} for the control plane", section.listen))
                .because(e)
                .code("control-settings")
                .remedy("give `listen` in [control] another address")
        })?;
        let control = Control::start(settings).await.map_err(failed)?;
        // before anything else can fail: it exists nowhere but here
        if let Some(key) = control.first_key() {
            output.say("this is the operator's key; it is shown this once, and kept nowhere:");
            match output.is_human() {
                true => output.text(&format!("{key}\n"))?,
                false => output.json(&serde_json::json!({ "format": 1, "operator_key": key }))?,
            }
        }
        let mut tasks = JoinSet::new();
        if let Some(path) = section.directory {
            publish(control.clone(), path, &mut tasks).await?;
        }
        if let Some(sampling) = usage::build(&section.usage, &registry.content)? {
            tasks.spawn(look(control.clone(), sampling));
        }
        for sink in sinks {
            tasks.spawn(super::sinks::forward(control.clone(), sink));
        }
        let plane = control.clone();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(control.serve(listener, async move {
            // a sender that is gone says the same
            let _ = stopped.await;
        }));
        Ok(Self { at, plane, stop, task, tasks })
    }

    /// Answers what was begun, and ends.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        drop(self.tasks);
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("the control plane ended: {error}"),
            Err(error) => tracing::error!("the control plane ended: {error}"),
        }
    }
}

/// Writes the directory, and again whenever it changed.
async fn publish(control: Control, path: PathBuf, tasks: &mut JoinSet<()>) -> Result<(), Failure> {
    let first = control.directory_if_changed(0).await.map_err(failed)?;
    let mut known = match first {
        Some(published) => {
            loses_nobody(&path, &published)?;
            write(&path, &published)?
        }
        None => 0,
    };
    tasks.spawn(async move {
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
    });
    Ok(())
}

/// Looks how much of the application's database is whose, again and again.
async fn look(control: Control, sampling: Sampling) {
    let mut interval = tokio::time::interval(sampling.every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let tables = match usage::tables(&sampling).await {
            Ok(tables) => tables,
            Err(failure) => {
                tracing::warn!("cannot see what lies in the application's database: {failure}");
                continue;
            }
        };
        match control.sample(&sampling.application, &tables, sampling.every).await {
            Ok(Some(seen)) => tracing::info!("{} tables of the application were looked at: {seen:?}", seen.tables),
            Ok(None) => {}
            Err(error) => tracing::warn!("cannot see what tenants store: {error}"),
        }
    }
}

/// A file that somebody else wrote is not replaced where it lists tenants we do not know: they would be shut out.
fn loses_nobody(path: &Path, published: &Published) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }
    let unusable = |e| Failure::bug("read the directory that is to be published").because(e);
    let ours = DirectoryFile::parse(&published.text).map_err(unusable)?;
    let theirs = Stored::at(path.to_owned()).read()?;
    let known: HashSet<&str> = ours.tenants.iter().map(|t| t.key.as_str()).collect();
    let lost = theirs.tenants.iter().filter(|t| !known.contains(t.key.as_str())).count();
    if lost == 0 {
        return Ok(());
    }
    let what = format!("{} lists {lost} tenants that the control plane does not know", path.display());
    Err(Failure::new(Class::Conflict, what)
        .code("control-settings")
        .remedy("name another file in `directory` of [control], or remove this one if its tenants are to be shut out"))
}

fn write(path: &Path, published: &Published) -> Result<i64, Failure> {
    let list = DirectoryFile::parse(&published.text);
    Stored::at(path.to_owned()).publish(list.map_err(|e| Failure::bug("read the directory to publish").because(e))?)?;
    tracing::info!("{} tenants published in {}", published.tenants, path.display());
    Ok(published.generation)
}

fn failed(error: tenantry_control::Error) -> Failure {
    let failure = Failure::new(error.class(), "the control plane cannot start").code("control-settings");
    failure.because(error).remedy("check `database_url`: the login must own the database and may make roles")
}
