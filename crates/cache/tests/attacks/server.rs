//! A Redis of one test's own, on the loopback, with files of its own. It ends when it is dropped.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;
use tenantry_cache::Redis;

/// Longest wait for a server to begin or end.
const WAIT_MAX: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    process: Option<Child>,
    folder: TempDir,
    pub(crate) port: u16,
    arguments: Vec<String>,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        drop(listener);
        let arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
        let mut server = Self { process: None, folder: tempfile::tempdir().expect("a folder"), port, arguments };
        server.start_again();
        server
    }

    pub(crate) fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(self.folder.path()).args(&self.arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server, which bin/test installs");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let begin = Instant::now();
        for line in lines {
            let line = line.expect("what Redis says");
            if line.contains("Ready to accept connections") {
                self.process = Some(child);
                return;
            }
            assert!(begin.elapsed() < WAIT_MAX, "Redis does not begin");
        }
        panic!("Redis ended: {:?}", child.wait());
    }

    /// Ends it the hard way.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Stops its process without ending it: it takes connections and answers nothing.
    pub(crate) fn freeze(&self, frozen: bool) {
        let id = self.process.as_ref().expect("it runs").id().to_string();
        let signal = if frozen { "-STOP" } else { "-CONT" };
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill").success());
    }

    pub(crate) fn settings(&self) -> Redis {
        Redis::new("127.0.0.1", self.port)
    }

    /// A connection of somebody who is not the cache.
    pub(crate) async fn stranger(&self) -> MultiplexedConnection {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("an address");
        client.get_multiplexed_async_connection().await.expect("Redis takes connections")
    }

    pub(crate) async fn names(&self) -> Vec<String> {
        redis::cmd("KEYS").arg("*").query_async(&mut self.stranger().await).await.expect("KEYS")
    }

    /// The one name that begins like this.
    pub(crate) async fn name(&self, beginning: &str) -> String {
        let mut names = self.names().await;
        names.retain(|n| n.starts_with(beginning));
        assert_eq!(names.len(), 1, "{names:?}");
        names.remove(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
