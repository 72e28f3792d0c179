//! A small application that says what it received, and misbehaves where the path asks for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use base64::Engine;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Number of its connection.
    pub(crate) connection: usize,
}

impl Received {
    /// All values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let lines = self.head.lines().skip(1).filter_map(|l| l.split_once(':'));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_owned()).collect()
    }

    /// The one value of a header.
    pub(crate) fn one(&self, name: &str) -> String {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {}", self.head);
        all[0].clone()
    }

    /// The path, with the query.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// It runs as long as the tests do.
pub(crate) struct Application {
    pub(crate) at: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    pub(crate) gate: Arc<Gate>,
}

/// Holds answers back until a test says otherwise.
#[derive(Default)]
pub(crate) struct Gate {
    is_open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    pub(crate) fn open(&self, is_open: bool) {
        *self.is_open.lock().unwrap() = is_open;
        self.changed.notify_all();
    }

    fn pass(&self) {
        drop(self.changed.wait_while(self.is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
    }
}

impl Application {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let gate = Arc::new(Gate::default());
        let held = Arc::clone(&gate);
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (kept, gate) = (Arc::clone(&kept), Arc::clone(&held));
                std::thread::spawn(move || {
                    // a client that goes ends it
                    let _ = serve(stream.unwrap(), connection, &kept, &gate);
                });
            }
        });
        Self { at, received, gate }
    }

    /// How many came since the last call of [`take`](Self::take).
    pub(crate) fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// What came since the last call.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.received.lock().unwrap())
    }
}

fn serve(stream: TcpStream, connection: usize, kept: &Mutex<Vec<Received>>, gate: &Gate) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    loop {
        let mut head = String::new();
        loop {
            let mut line = Vec::new();
            if input.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if line == b"\r\n" || line == b"\n" {
                break;
            }
            head.push_str(&String::from_utf8_lossy(&line));
        }
        let received = Received { head: head.clone(), body: Vec::new(), connection };
        let path = received.target().split('?').next().unwrap_or_default().to_owned();
        if path.ends_with("/early") {
            // answers without reading the body
            kept.lock().unwrap().push(received);
            out.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nearly")?;
            continue;
        }
        let body = body(&received, &mut input)?;
        let received = Received { body, ..received };
        kept.lock().unwrap().push(received.clone());
        answer(&path, &received, &mut input, &mut out, gate)?;
    }
}

/// As lenient as many servers are: the coding counts before the length.
fn body(received: &Received, input: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if received.all("transfer-encoding").iter().any(|c| c.contains("chunked")) {
        loop {
            let mut line = String::new();
            input.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim().split(';').next().unwrap_or_default(), 16).unwrap_or(0);
            let mut chunk = vec![0; size + 2];
            input.read_exact(&mut chunk)?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }
    let length = received.all("content-length").first().and_then(|l| l.parse().ok()).unwrap_or(0);
    body.resize(length, 0);
    input.read_exact(&mut body)?;
    Ok(body)
}

fn answer(
    path: &str,
    received: &Received,
    input: &mut BufReader<TcpStream>,
    out: &mut TcpStream,
    gate: &Gate,
) -> std::io::Result<()> {
    let tenant = received.all("x-tenant-id").join(",");
    if path.starts_with("/kept") {
        return kept(received, &tenant, out, gate);
    }
    match path.rsplit('/').next().unwrap_or_default() {
        "insides" => out.write_all(
            b"HTTP/1.1 200 OK\r\nServer: internal/1.2\r\nX-Tenant-ID: bolt\r\nX-Shard: 7\r\nX-Powered-By: secret\r\nContent-Length: 2\r\n\r\nok",
        ),
        // more than it said: what follows would be the next one's answer
        "junk" => out.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen",
        ),
        "rubbish" => out.write_all(b"what?\r\n\r\n"),
        "silent" => Err(std::io::ErrorKind::ConnectionAborted.into()),
        "until-close" => {
            out.write_all(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")?;
            Err(std::io::ErrorKind::ConnectionAborted.into())
        }
        "chunks" => out.write_all(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX: y\r\n\r\n",
        ),
        "events" => {
            out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            for number in 0..10_000 {
                let event = format!("data: {number}\n\n");
                out.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
                let mut pause = [0];
                input.get_ref().set_read_timeout(Some(std::time::Duration::from_millis(20)))?;
                // paces the events, and notices who has gone
                if matches!(input.get_mut().read(&mut pause), Ok(0)) {
                    return Err(std::io::ErrorKind::ConnectionAborted.into());
                }
            }
            Ok(())
        }
        "socket" | "liar" => {
            let key = if path.ends_with("liar") { vec!["another".to_owned()] } else { received.all("sec-websocket-key") };
            let text = format!("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key.join(""));
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
            let accept = base64::engine::general_purpose::STANDARD.encode(digest);
            let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket";
            out.write_all(format!("{head}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes())?;
            let mut room = [0; 1024];
            loop {
                let count = input.read(&mut room)?;
                if count == 0 {
                    return Err(std::io::ErrorKind::ConnectionAborted.into());
                }
                out.write_all(&room[..count])?;
            }
        }
        _ => {
            let body = format!("tenant={tenant}\n{}", received.head);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            out.write_all(head.as_bytes())?;
            if !received.head.starts_with("HEAD ") {
                out.write_all(body.as_bytes())?;
            }
            Ok(())
        }
    }
}

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// An answer that is different each time, with the headers that the query asks for: `cc` is `Cache-Control`, `vary`,
/// `cookie` and `etag` themselves, `status` the status; `hold` waits at the gate, `close` ends in the middle.
fn kept(received: &Received, tenant: &str, out: &mut TcpStream, gate: &Gate) -> std::io::Result<()> {
    let query = received.target().split_once('?').map_or("", |(_, query)| query).to_owned();
    let of = |name: &str| query.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
    if of("hold").is_some() {
        gate.pass();
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let body = format!("n={number} tenant={tenant}\n{}{}", received.head, String::from_utf8_lossy(&received.body));
    let mut head = format!("HTTP/1.1 {} X\r\n", of("status").unwrap_or("200"));
    for (name, header) in [("cc", "Cache-Control"), ("vary", "Vary"), ("cookie", "Set-Cookie"), ("etag", "ETag")] {
        if let Some(value) = of(name) {
            head.push_str(&format!("{header}: {value}\r\n"));
        }
    }
    if of("close").is_some() {
        head.push_str("Content-Length: 100000\r\n\r\n");
        out.write_all(head.as_bytes())?;
        return Err(std::io::ErrorKind::ConnectionAborted.into());
    }
    if of("chunked").is_some() {
        head.push_str("Transfer-Encoding: chunked\r\n\r\n");
        out.write_all(head.as_bytes())?;
        let (one, two) = body.split_at(body.len() / 2);
        for piece in [one, two] {
            out.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes())?;
        }
        return out.write_all(b"0\r\n\r\n");
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    out.write_all(head.as_bytes())?;
    if !received.head.starts_with("HEAD ") {
        out.write_all(body.as_bytes())?;
    }
    Ok(())
}
