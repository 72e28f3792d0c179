//! `postmaster.pid`, which a crash leaves behind: who wrote it, and is that process really our server?

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// What the file says.
#[derive(Debug)]
pub(crate) struct PidFile {
    pid: Pid,
    data: PathBuf,
    /// The server takes connections.
    pub(crate) ready: bool,
}

impl PidFile {
    /// Reads it; `None` if there is none, or it is still being written.
    pub(crate) fn read(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = Pid::from_raw(lines.next()?.trim().parse().ok()?)?;
        let ready = lines.nth(6).is_some_and(|status| status.trim() == "ready");
        Some(Self { pid, data: data.to_owned(), ready })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Whether that process lives and is a server on this very data directory. A number that went to some other
    /// process after a crash is not.
    pub(crate) fn is_ours(&self) -> bool {
        match test_kill_process(self.pid) {
            Ok(()) | Err(rustix::io::Errno::PERM) => {}
            Err(_) => return false,
        }
        if let Ok(folder) = fs::read_link(format!("/proc/{}/cwd", self.pid())) {
            return fs::canonicalize(&self.data).is_ok_and(|data| data == folder);
        }
        let ps = Command::new("ps").args(["-o", "args=", "-p", &self.pid().to_string()]).output();
        ps.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&*self.data.to_string_lossy()))
    }

    /// Asks a server that outlived its program to stop at once, without waiting for its clients.
    pub(crate) fn stop_if_ours(&self) {
        if self.is_ours() {
            // it may be gone already, which is what we want
            let _ = kill_process(self.pid, Signal::INT);
        }
    }
}

/// Whether any process of a server still works in this data directory. Where `/proc` does not tell, none is seen.
pub(crate) fn has_processes(data: &Path) -> bool {
    let Ok(data) = fs::canonicalize(data) else { return false };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|p| fs::read_link(p.path().join("cwd")).is_ok_and(|cwd| cwd == data))
}
