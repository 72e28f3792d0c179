//! The two connections of a run: one works, one watches it.

use std::time::Duration;

use tenantry_blueprint::file::Step;
use tenantry_pg::tokio_postgres::GenericClient;
use tenantry_pg::{Client, Session as Settings, Target, connect_with};

use super::error::Error;
use super::event::{Command, Event, Observer};
use super::sessions::{self, Session};
use super::{Options, lock};
use crate::inspect::server::{Facts, facts};

/// How soon the watcher looks who is in the way of a statement.
const GLANCE_FIRST: Duration = Duration::from_millis(50);

/// How often it looks when the statement takes long.
const GLANCE_LONGEST: Duration = Duration::from_secs(2);

/// A run: its connections, what it was told, who watches.
pub(super) struct Runner<'a> {
    /// Runs the steps, and holds the runner's lock.
    pub(super) work: Client,
    /// Looks at the server while `work` is busy.
    pub(super) watch: Client,
    /// Backend process of `work`.
    pub(super) pid: i32,
    pub(super) target: &'a Target,
    pub(super) options: &'a Options,
    pub(super) observer: &'a dyn Observer,
    /// What the server is.
    pub(super) facts: Facts,
}

impl<'a> Runner<'a> {
    /// Connects twice and takes the lock that makes this the only runner.
    pub(super) async fn open(
        target: &'a Target,
        command: Command,
        options: &'a Options,
        observer: &'a dyn Observer,
    ) -> Result<Self, Error> {
        let named = target.with_application_name(&application_name(command));
        let settings = Settings::tool()
            // a row hidden by somebody's policy would be left out silently; this makes it an error
            .with("row_security", "off")
            .with("default_transaction_read_only", "off")
            // page ranges are constants to the planner: it must see them
            .with("plan_cache_mode", "force_custom_plan");
        let work = connect_with(&named, &settings).await?;
        let watch = connect_with(&named, &settings).await?;
        // lets the server end the work of a killed runner within a second; not every platform has it
        let _ = work.batch_execute("SET client_connection_check_interval = '1s'").await;
        let row = work.query_one("SELECT pg_backend_pid()", &[]).await.map_err(Error::query("begin"))?;
        let facts = facts(&work).await?;
        lock::take(&*work).await?;
        Ok(Self { work, watch, pid: row.get(0), target, options, observer, facts })
    }

    /// The database's name, by the server's word.
    pub(super) fn database(&self) -> &str {
        self.facts.database.as_str()
    }

    /// Lets go of the lock and both connections.
    pub(super) async fn close(self) {
        self.work.close().await;
        self.watch.close().await;
    }

    /// Tells the observer.
    pub(super) fn tell(&self, event: Event) {
        self.observer.event(event);
    }

    /// An error if the observer wants to stop.
    pub(super) fn stop(&self) -> Result<(), Error> {
        if self.observer.stop() { Err(Error::Stopped) } else { Ok(()) }
    }
}

/// What a run was blocked by.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) blockers: Vec<Session>,
}

/// Awaits `work` and meanwhile looks, on the other connection, who blocks the backend `pid`.
pub(super) async fn watched<T>(
    watch: &impl GenericClient,
    pid: i32,
    work: impl Future<Output = T>,
    mut blocked: impl FnMut(&[Session]),
) -> (T, Seen) {
    let mut work = std::pin::pin!(work);
    let mut seen = Seen::default();
    let mut glance = GLANCE_FIRST;
    loop {
        tokio::select! {
            biased;
            output = &mut work => return (output, seen),
            () = tokio::time::sleep(glance) => {
                // what cannot be seen is left out: the work goes on regardless
                if let Ok(now) = sessions::blocking(watch, pid).await && !now.is_empty() {
                    blocked(&now);
                    seen.blockers = now;
                }
                glance = (glance * 2).min(GLANCE_LONGEST);
            }
        }
    }
}

/// `tenantry apply 4711@host`: what other runners and `pg_stat_activity` show.
fn application_name(command: Command) -> String {
    const HOST_CHARS_MAX: usize = 30;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(char::is_ascii_graphic).take(HOST_CHARS_MAX).collect();
    let at = if host.is_empty() { String::new() } else { format!("@{host}") };
    format!("tenantry {} {}{at}", command.word(), std::process::id())
}

/// The statements of a step in a direction.
pub(super) fn statements(step: &Step, back: bool) -> &[String] {
    if back { &step.down } else { &step.up }
}
