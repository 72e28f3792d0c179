//! Pebble and its name server: every name leads to this machine.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

/// An authority. It ends with the test.
pub(crate) struct Pebble {
    folder: TempDir,
    port: u16,
    pub(crate) tls_port: u16,
    pub(crate) http_port: u16,
    orders: Arc<AtomicUsize>,
    processes: Vec<Child>,
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // it may have ended itself
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Pebble {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write("cert.pem", made.cert.pem());
        write("key.pem", made.signing_key.serialize_pem());
        let [port, management, tls_port, http_port, dns, dns_management] = [(); 6].map(|()| free_port());
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": folder.path().join("cert.pem"),
            "privateKey": folder.path().join("key.pem"),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        } });
        write("pebble.json", config.to_string());
        let dns = format!("127.0.0.1:{dns}");
        let names = Command::new("pebble-challtestsrv")
            .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", &dns, "-http01", "", "-https01", ""])
            .args(["-tlsalpn01", "", "-management", &format!("127.0.0.1:{dns_management}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the package pebble is installed (bin/test does)");
        let mut pebble = Command::new("pebble")
            .args(["-config", folder.path().join("pebble.json").to_str().unwrap(), "-dnsserver", &dns])
            // no pauses, and some nonces are refused, as at a busy authority
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "5")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the package pebble is installed (bin/test does)");
        let orders = Arc::new(AtomicUsize::new(0));
        let (counted, lines) = (Arc::clone(&orders), BufReader::new(pebble.stdout.take().unwrap()).lines());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                counted.fetch_add(usize::from(line.contains("Added order")), Ordering::SeqCst);
            }
        });
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(30), "pebble does not start");
            std::thread::yield_now();
        }
        Self { folder, port, tls_port, http_port, orders, processes: vec![names, pebble] }
    }

    /// Where an account begins.
    pub(crate) fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// The authority of its own site.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// Orders that were made.
    pub(crate) fn orders(&self) -> usize {
        self.orders.load(Ordering::SeqCst)
    }
}
