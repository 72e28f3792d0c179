//! A server of one connection that knows nothing but the protocol, and psql in front of it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tenantry_embedded::binaries::{Binaries, found};
use tenantry_wire::frontend::{Startup, startup};
use tenantry_wire::{backend, frontend, scram};

/// How long a client that says nothing is waited for.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// All psql on this machine, with the version of each.
pub(crate) fn all_psql() -> &'static [(u32, PathBuf)] {
    static ALL: LazyLock<Vec<(u32, PathBuf)>> = LazyLock::new(|| {
        // where bin/test puts what is not installed, and what the caller names
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pg");
        let installed = std::fs::read_dir(installed).into_iter().flatten().flatten().map(|e| e.path().join("bin"));
        let named =
            (15..=18).filter_map(|major| std::env::var_os(format!("TENANTRY_TEST_PG{major}"))).map(PathBuf::from);
        let more = installed.chain(named).filter_map(|folder| Binaries::at(&folder).ok());
        let mut all: Vec<(u32, PathBuf)> =
            found().into_iter().chain(more).filter_map(|b| Some((b.version.major(), b.program("psql")?))).collect();
        all.sort();
        all.dedup();
        assert!(!all.is_empty(), "there is no psql: install postgresql-client, or name a folder in TENANTRY_TEST_PG15");
        all
    });
    &ALL
}

/// Whether this psql was built with TLS.
pub(crate) fn has_tls(psql: &Path) -> bool {
    let output = Command::new(psql).args(["-X", "host=127.0.0.1 port=1 sslmode=require"]).output().unwrap();
    !String::from_utf8_lossy(&output.stderr).contains("not compiled in")
}

/// Starts psql against this port.
pub(crate) fn psql(program: &Path, port: u16, target: &str, password: &str, arguments: &[&str]) -> Child {
    let target = format!("host=localhost hostaddr=127.0.0.1 port={port} dbname=shop gssencmode=disable {target}");
    let mut command = Command::new(program);
    command.args(["-X", "-At", "-v", "VERBOSITY=verbose", &target]).env("PGPASSWORD", password);
    command.args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

pub(crate) fn output(child: Child) -> (String, String) {
    let output = child.wait_with_output().unwrap();
    [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap().trim().to_owned()).into()
}

/// A certificate for `localhost` and its key, in PEM.
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) end_point: Option<Vec<u8>>,
    pub(crate) certificate: PathBuf,
}

impl Tls {
    /// Makes them in a folder, signed as openssl's arguments say.
    pub(crate) fn new(folder: &Path, arguments: &str) -> Self {
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        let arguments = format!(
            "req -x509 {arguments} -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out certificate.pem"
        );
        let made = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
        let chain = vec![CertificateDer::from_pem_file(&certificate).unwrap()];
        let end_point = scram::end_point(&chain[0]);
        let key = PrivateKeyDer::from_pem_file(&key).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self { config: Arc::new(config), end_point, certificate }
    }
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// The server's end of one connection.
pub(crate) struct Peer {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Peer {
    pub(crate) fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(SILENCE_MAX)).unwrap();
        Self { stream: Box::new(stream), buffer: Vec::new() }
    }

    /// The next packet without a type. A request for TLS is met if there is any.
    pub(crate) fn startup(listener: &TcpListener, tls: Option<&Tls>) -> (Self, Startup) {
        let mut peer = Self::accept(listener);
        loop {
            match peer.packet() {
                Startup::Ssl if tls.is_none() => peer.send(b"N"),
                Startup::Ssl => {
                    assert!(peer.buffer.is_empty(), "something stands behind the request for TLS");
                    peer.send(b"S");
                    let connection = ServerConnection::new(tls.unwrap().config.clone()).unwrap();
                    peer.stream = Box::new(StreamOwned::new(connection, peer.stream));
                }
                other => return (peer, other),
            }
        }
    }

    fn packet(&mut self) -> Startup {
        loop {
            if let Some((found, consumed)) = startup(&self.buffer).unwrap() {
                self.buffer.drain(..consumed);
                return found;
            }
            assert!(self.read(), "the client left in the middle of its first packet");
        }
    }

    /// The next message; `None` when the client has left.
    pub(crate) fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            match frontend::header(&self.buffer).unwrap() {
                Some(header) if self.buffer.len() >= header.len => {
                    let message: Vec<u8> = self.buffer.drain(..header.len).collect();
                    return Some((header.tag, message[5..].to_vec()));
                }
                _ if !self.read() => return None,
                _ => {}
            }
        }
    }

    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let count = self.stream.read(&mut bytes).unwrap_or(0);
        self.buffer.extend_from_slice(&bytes[..count]);
        count > 0
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Runs an exchange; what it ends with.
    pub(crate) fn prove(&mut self, exchange: &mut scram::Exchange) -> Result<usize, scram::ScramError> {
        let mut out = Vec::new();
        backend::write_sasl(&mut out, exchange.mechanisms()).unwrap();
        self.send(&out);
        let (_, body) = self.message().expect("the client's first message");
        let challenge = exchange.first(frontend::sasl_initial(&body).unwrap())?;
        let mut out = Vec::new();
        backend::write_sasl_continue(&mut out, &challenge).unwrap();
        self.send(&out);
        let (_, body) = self.message().expect("the client's last message");
        let accepted = exchange.last(&body)?;
        let mut out = Vec::new();
        backend::write_sasl_final(&mut out, &accepted.reply).unwrap();
        self.send(&out);
        Ok(accepted.index)
    }
}

/// A listener on the loopback and its port.
pub(crate) fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}
