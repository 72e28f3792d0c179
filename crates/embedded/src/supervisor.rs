//! A server that dies with this process, however this process dies.
//!
//! Between us and the server stands a shell that reads a pipe only we hold. When we end, by `kill -9` too, the
//! operating system closes the pipe, and the shell stops the server and, if told so, removes its folder. The
//! shell is in its own process group, so that Ctrl-C reaches us first.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::Error;
use crate::pidfile::PidFile;
use crate::wait;

/// Longest wait for a server to take connections; recovery after a crash may need a while.
const READY_WAIT_MAX: Duration = Duration::from_secs(120);
/// Tenths of a second between a polite and a hard stop.
const STOP_WAIT_TENTHS: &str = "300";

/// `$1` log, `$2` folder to remove in the end or nothing, `$3` first signal, `$4` patience; then the command.
const SCRIPT: &str = r#"
log=$1 remove=$2 signal=$3 patience=$4
shift 4
exec 3<&0 </dev/null
"$@" >>"$log" 2>&1 3<&- &
server=$!
echo "$server"
exec >&- 2>&-
trap '' INT TERM HUP
{
  read -r _ <&3
  kill -s "$signal" "$server"
  while kill -0 "$server" && [ "$patience" -gt 0 ]; do sleep 0.1; patience=$((patience - 1)); done
  kill -s QUIT "$server"
} 2>/dev/null &
watcher=$!
wait "$server"
status=$?
kill -s KILL "$watcher" 2>/dev/null
if [ -n "$remove" ]; then rm -rf "$remove"; fi
exit "$status"
"#;

/// How to run a server.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// PostgreSQL's programs.
    pub binaries: &'a Binaries,
    /// As whom.
    pub account: Account,
    /// The data directory.
    pub data: &'a Path,
    /// Where the log goes.
    pub log: &'a Path,
    /// Folder of the Unix socket; `None` for none.
    pub socket: Option<&'a Path>,
    /// The loopback port.
    pub port: u16,
    /// Further settings, as `-c name=value` takes them.
    pub settings: &'a [(&'a str, &'a str)],
    /// Throw-away: stopped the hard way, and this folder is removed after it.
    pub remove: Option<&'a Path>,
}

/// A running server. Dropping it stops the server and waits for that.
#[derive(Debug)]
pub struct Server {
    shell: Child,
    pipe: Option<ChildStdin>,
    data: PathBuf,
    pid: i32,
}

impl Server {
    /// Starts a server and waits until it takes connections.
    pub fn start(run: &Run<'_>) -> Result<Self, Error> {
        let port = run.port.to_string();
        let socket = run.socket.map(|s| s.display().to_string()).unwrap_or_default();
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(SCRIPT).arg("tenantry-supervisor").arg(run.log);
        command.arg(run.remove.unwrap_or(Path::new("")));
        command.args([if run.remove.is_some() { "QUIT" } else { "INT" }, STOP_WAIT_TENTHS]);
        command.arg(run.binaries.folder.join("postgres")).arg("-D").arg(run.data).args(["-p", &port, "-k", &socket]);
        command.args(["-c", "listen_addresses=127.0.0.1"]);
        for (name, value) in run.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        run.account.apply(&mut command);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let program = run.binaries.folder.join("postgres");
        let log_before = fs::metadata(run.log).map_or(0, |m| m.len());
        let mut shell = command.spawn().map_err(|source| Error::Program { program, source })?;
        let pipe = shell.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = shell.stdout.take() {
            // an empty line is found out below: the shell has ended
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let pid = line.trim().parse().unwrap_or_default();
        let mut server = Self { shell, pipe, data: run.data.to_owned(), pid };
        server.wait_until_ready(run.log, log_before)?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, log: &Path, log_before: u64) -> Result<(), Error> {
        let mut ended = false;
        let in_time = wait::until(READY_WAIT_MAX, || {
            ended = !self.is_alive();
            ended || self.is_ready()
        });
        if ended {
            let reason = last_words(log, log_before);
            return Err(Error::Start { data: self.data.clone(), reason, log: log.to_owned() });
        }
        if !in_time {
            let seconds = READY_WAIT_MAX.as_secs();
            return Err(Error::NotReady { data: self.data.clone(), seconds, log: log.to_owned() });
        }
        Ok(())
    }

    /// Whether this very server, not one before it, takes connections.
    fn is_ready(&self) -> bool {
        PidFile::read(&self.data).is_some_and(|file| file.pid() == self.pid && file.ready)
    }

    /// Whether the server still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.shell.try_wait(), Ok(None))
    }

    /// The server's process.
    pub fn pid(&self) -> i32 {
        self.pid
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // nothing can be done about a shell that cannot be waited for
        let _ = self.shell.wait();
    }
}

/// The last few lines that matter of what the server wrote since `from`.
fn last_words(log: &Path, from: u64) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(text.get(from as usize..).unwrap_or_default()).into_owned();
    let matters =
        |l: &&str| ["FATAL", "PANIC", "ERROR", "HINT", "DETAIL", "could not", "cannot"].iter().any(|w| l.contains(w));
    let lines: Vec<&str> = text.lines().filter(matters).collect();
    let lines = if lines.is_empty() { text.lines().collect() } else { lines };
    if lines.is_empty() {
        return "it wrote nothing".into();
    }
    lines[lines.len().saturating_sub(4)..].join("; ")
}
