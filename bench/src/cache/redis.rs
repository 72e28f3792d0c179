//! A Redis of our own, which ends when it is dropped.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

pub(super) struct Redis {
    process: Child,
    pub(super) port: u16,
    _folder: tempfile::TempDir,
}

impl Redis {
    pub(super) fn start() -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"]).arg(folder.path());
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = spawned.context("redis-server does not start: install the package redis-server")?;
        let stdout = process.stdout.take().context("its output is piped")?;
        let ready = BufReader::new(stdout).lines().map_while(Result::ok).any(|l| l.contains("Ready to accept"));
        let redis = Self { process, port, _folder: folder };
        anyhow::ensure!(ready, "redis-server ended before it took connections");
        Ok(redis)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // it is gone already, or it goes
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
