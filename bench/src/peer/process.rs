//! A program that runs in a folder of its own and dies with us, also when we are killed: `setpriv` asks the kernel
//! for that. Some refuse to run as root; they run as `nobody`.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::wire::loopback;

/// Longest wait until a program takes connections.
const READY_WAIT_MAX: Duration = Duration::from_secs(30);
/// Pause between two tries to connect.
const TRY_EVERY: Duration = Duration::from_millis(20);
/// Lines of a program's output that are told when it failed.
const LAST_WORDS: usize = 6;
/// `nobody` and its group, everywhere.
const NOBODY: u32 = 65_534;

/// Root's account or ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    /// As we are.
    Ourselves,
    /// As ourselves, but never as root.
    NotRoot,
}

/// A running program. Dropping it ends it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    program: String,
    folder: TempDir,
}

impl Process {
    /// Runs a program in `folder` and waits until it takes connections on a port.
    ///
    /// The kernel ends it with the *thread* that calls this: call it from one that lives as long as the work.
    pub(crate) async fn start(folder: TempDir, account: As, command: &[&str], port: u16) -> anyhow::Result<Self> {
        let program = command.first().copied().unwrap_or_default().to_owned();
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--pdeathsig", "KILL"]);
        if account == As::NotRoot && rustix::process::geteuid().is_root() {
            give(folder.path())?;
            setpriv.args(["--reuid", &NOBODY.to_string(), "--regid", &NOBODY.to_string(), "--clear-groups"]);
        }
        let log = fs::File::create(folder.path().join("log")).context("a log file")?;
        setpriv.arg("--").args(command).current_dir(folder.path()).stdin(Stdio::null());
        setpriv.stdout(log.try_clone().context("a log file")?).stderr(log);
        let child = setpriv.spawn().context("cannot run `setpriv`: install the package util-linux")?;
        let mut process = Self { child, program, folder };
        process.wait_until_ready(loopback(port)).await?;
        Ok(process)
    }

    async fn wait_until_ready(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let begin = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            self.must_live()?;
            if begin.elapsed() > READY_WAIT_MAX {
                let seconds = READY_WAIT_MAX.as_secs();
                bail!("`{}` takes no connections at {address} after {seconds} s: {}", self.program, self.last_words());
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
        self.must_live()
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails with its last words if it has ended.
    pub fn must_live(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait().context("look after a program")? {
            None => Ok(()),
            Some(status) => bail!("`{}` has ended ({status}): {}", self.program, self.last_words()),
        }
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
        if lines.is_empty() {
            "it wrote nothing".into()
        } else {
            lines[lines.len().saturating_sub(LAST_WORDS)..].join("; ")
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with its files for `nobody`.
fn give(folder: &Path) -> anyhow::Result<()> {
    let to_nobody = |path: &Path| chown(path, Some(NOBODY), Some(NOBODY)).context("give a folder to `nobody`");
    to_nobody(folder)?;
    for entry in fs::read_dir(folder).context("read a folder of our own")? {
        to_nobody(&entry.context("read a folder of our own")?.path())?;
    }
    Ok(())
}

/// A loopback port that is free now.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(loopback(0)).and_then(|l| l.local_addr()).context("a free loopback port")?.port())
}

/// A folder for one program.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    tempfile::Builder::new().prefix("tenantry-bench-").tempdir().context("a temporary folder")
}
