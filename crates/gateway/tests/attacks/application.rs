//! A small application that says what it received, and misbehaves where the path asks for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

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
}

impl Application {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || {
                    // a client that goes ends it
                    let _ = serve(stream.unwrap(), connection, &kept);
                });
            }
        });
        Self { at, received }
    }

    /// What came since the last call.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.received.lock().unwrap())
    }
}

fn serve(stream: TcpStream, connection: usize, kept: &Mutex<Vec<Received>>) -> std::io::Result<()> {
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
        kept.lock().unwrap().push(Received { body, ..received.clone() });
        answer(&path, &received, &mut input, &mut out)?;
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
) -> std::io::Result<()> {
    let tenant = received.all("x-tenant-id").join(",");
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
