//! Runs pgbench and reads what it says each second, so that connecting and warming up do not count: the counters of
//! the pooler are read at the same moments as pgbench's own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::Mode;
use super::lane::Round;
use crate::gauge::Used;
use crate::ground::{DatabaseLogin, Ground};
use crate::load::percentile;

/// Threads of pgbench; more than processors help nobody.
const THREADS_MAX: u32 = 2;
/// Names of the files where it writes down latencies begin like this.
const LOG: &str = "latency";

/// What to say where there is no pgbench.
const MISSING: &str = "cannot run `pgbench`: install PostgreSQL's client programs";

/// How to run it.
pub(super) struct Pgbench<'a> {
    pub(super) port: u16,
    pub(super) login: &'a DatabaseLogin,
    pub(super) database: &'a str,
    pub(super) mode: Mode,
    pub(super) clients: u32,
    /// Where it may write.
    pub(super) folder: &'a Path,
}

/// Makes and fills pgbench's tables.
pub(super) async fn fill(ground: &Ground, scale: u32) -> anyhow::Result<()> {
    let mut command = Command::new("pgbench");
    command.args(["-i", "-q", "-s", &scale.to_string()]).envs(ground.target().libpq_env());
    succeed(command).await?;
    let grant = |l: &DatabaseLogin| format!("GRANT SELECT ON pgbench_accounts, pgbench_branches TO \"{}\";", l.user);
    let grants: Vec<String> = ground.logins.iter().map(grant).collect();
    ground.execute("grant pgbench's tables", &grants.concat()).await
}

impl Pgbench<'_> {
    /// Does so many transactions with each client.
    pub(super) async fn times(&self, each: u64) -> anyhow::Result<()> {
        let mut command = self.command();
        command.args(["-t", &each.to_string()]);
        succeed(command).await
    }

    /// Runs it for so many seconds; `used` is asked when the time that counts begins and ends.
    pub(super) async fn run(&self, seconds: u32, used: impl Fn() -> Used) -> anyhow::Result<Round> {
        let (log, alone) = (self.folder.join(LOG), self.clients == 1);
        let mut command = self.command();
        // the first second warms up, and the last line may get lost
        command.args(["-P", "1", "-T", &(seconds + 2).to_string()]);
        if alone {
            // a single client's transactions are written down one by one
            command.arg("-l").arg(format!("--log-prefix={}", log.display()));
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context(MISSING)?;
        let mut lines = BufReader::new(child.stderr.take().context("pgbench's output is piped")?).lines();
        let (mut first, mut last, mut transactions, mut words) = (None, None, 0.0, String::new());
        while let Some(line) = lines.next_line().await? {
            let Some(progress) = Progress::read(&line) else {
                words.push_str(&line);
                continue;
            };
            let now = (progress.at, used());
            match last.or(first) {
                None => first = Some(now),
                Some((before, _)) => {
                    transactions += progress.rate * (progress.at - before);
                    last = Some(now);
                }
            }
        }
        if !child.wait().await?.success() {
            bail!("pgbench failed: {}", words.trim());
        }
        let (Some((begin, before)), Some((end, after))) = (first, last) else {
            bail!("pgbench told too little of its progress: {}", words.trim());
        };
        let latency_us = if alone { Some(latency(self.folder)?) } else { None };
        Ok(Round { rate: transactions / (end - begin), transactions, used: after - before, latency_us })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("pgbench");
        let (clients, threads) = (self.clients.to_string(), self.clients.min(THREADS_MAX).to_string());
        command.args(["-n", "-S", "-M", self.mode.name(), "-c", &clients, "-j", &threads]);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", &self.login.user, "-d", self.database]);
        command.env("PGPASSWORD", &self.login.password).env("PGSSLMODE", "disable").env("LC_ALL", "C");
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

async fn succeed(mut command: Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().await.context(MISSING)?;
    anyhow::ensure!(output.status.success(), "pgbench failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

/// `progress: 2.0 s, 8123.4 tps, lat 0.122 ms stddev 0.023, 0 failed`
#[derive(Debug, PartialEq)]
struct Progress {
    at: f64,
    rate: f64,
}

impl Progress {
    fn read(line: &str) -> Option<Self> {
        let mut parts = line.strip_prefix("progress: ")?.split(", ");
        let at = parts.next()?.strip_suffix(" s")?.parse().ok()?;
        let rate = parts.next()?.strip_suffix(" tps")?.parse().ok()?;
        Some(Self { at, rate })
    }
}

/// The median of what pgbench has written down, the first quarter left out; and the files are gone.
fn latency(folder: &Path) -> anyhow::Result<f64> {
    let mut waits = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(LOG) {
            waits.extend(std::fs::read_to_string(entry.path())?.lines().filter_map(wait));
            std::fs::remove_file(entry.path())?;
        }
    }
    let mut waits = waits.split_off(waits.len() / 4);
    waits.sort_unstable();
    Ok(percentile(&waits, 50).as_secs_f64() * 1e6)
}

/// `0 1 118 0 1700000000 123456`: client, transaction, microseconds, …
fn wait(line: &str) -> Option<Duration> {
    line.split(' ').nth(2)?.parse().ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pgbenchs_lines_are_read() {
        let line = "progress: 2.0 s, 8123.4 tps, lat 0.122 ms stddev 0.023, 0 failed";
        assert_eq!(Progress::read(line), Some(Progress { at: 2.0, rate: 8123.4 }));
        assert_eq!(Progress::read("pgbench (15.20)"), None);
        assert_eq!(wait("0 1 118 0 1700000000 123456"), Some(Duration::from_micros(118)));
    }
}
