//! Servers of the application that come and go, settings that change, and the end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tenantry_gateway::settings::{Times, UpstreamSettings};

use crate::scene::{Scene, get};

/// Addresses for the next scene, whose settings are changed by a plain function.
static SERVERS: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// One test at a time uses them.
static ONE: Mutex<()> = Mutex::new(());

fn scene_before(servers: &[String], health: bool) -> Scene {
    *SERVERS.lock().unwrap_or_else(PoisonError::into_inner) = servers.to_vec();
    let change: crate::scene::Change = if health { with_health } else { without_health };
    Scene::with(change)
}

fn with_health(settings: &mut tenantry_gateway::Settings) {
    change(settings, Some("/health".into()));
}

fn without_health(settings: &mut tenantry_gateway::Settings) {
    change(settings, None);
}

fn change(settings: &mut tenantry_gateway::Settings, health_path: Option<String>) {
    let servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let upstream = UpstreamSettings {
        servers,
        health_path,
        health_every: Duration::from_millis(20),
        ..(*settings.upstreams[0]).clone()
    };
    settings.upstreams = vec![Arc::new(upstream)];
}

/// A server that says its name; what it does can be changed.
struct Server {
    at: String,
    is_well: Arc<AtomicBool>,
    /// Closes each connection behind an answer without saying so.
    closes: Arc<AtomicBool>,
    requests: Arc<AtomicUsize>,
}

fn server(name: &'static str) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let (is_well, closes) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let requests = Arc::new(AtomicUsize::new(0));
    let made = Server { at, is_well, closes, requests };
    let (well, closes, requests) = (Arc::clone(&made.is_well), Arc::clone(&made.closes), Arc::clone(&made.requests));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (well, closes, requests) = (Arc::clone(&well), Arc::clone(&closes), Arc::clone(&requests));
            std::thread::spawn(move || {
                // a client that goes ends it
                let _ = talk(stream.unwrap(), name, &well, &closes, &requests);
            });
        }
    });
    made
}

fn talk(
    mut stream: TcpStream,
    name: &str,
    well: &AtomicBool,
    closes: &AtomicBool,
    requests: &AtomicUsize,
) -> std::io::Result<()> {
    let mut kept = Vec::new();
    let mut room = [0; 4096];
    loop {
        let end = loop {
            if let Some(at) = kept.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            let count = stream.read(&mut room)?;
            if count == 0 {
                return Ok(());
            }
            kept.extend_from_slice(&room[..count]);
        };
        let is_health = kept.starts_with(b"GET /health");
        kept.drain(..end);
        let status = if is_health && !well.load(Ordering::SeqCst) { "503 No" } else { "200 OK" };
        if !is_health {
            requests.fetch_add(1, Ordering::SeqCst);
        }
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{name}", name.len())?;
        if closes.load(Ordering::SeqCst) {
            return Ok(());
        }
    }
}

/// Asks until all of some answers in a row come from this server.
fn until_only(scene: &Scene, name: &str) {
    let begin = Instant::now();
    let mut row = 0;
    while row < 6 {
        let (answer, _) = scene.get("acme.example.com", "/x", &[]);
        row = if answer.body == name { row + 1 } else { 0 };
        assert!(begin.elapsed() < Duration::from_secs(20), "{name} is never alone: {answer:?}");
    }
}

#[test]
fn a_server_that_is_gone_or_not_well_is_left_alone() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (a, b) = (server("a"), server("b"));
    // nobody listens at the third
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let scene = scene_before(&[a.at.clone(), b.at.clone(), gone.clone()], true);
    let mut seen: Vec<String> = (0..8).map(|_| scene.get("acme.example.com", "/x", &[]).0.body).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["a", "b"], "both take part, and the one that is gone costs nobody an answer");
    a.is_well.store(false, Ordering::SeqCst);
    until_only(&scene, "b");
    b.is_well.store(false, Ordering::SeqCst);
    a.is_well.store(true, Ordering::SeqCst);
    until_only(&scene, "a");
    drop(scene);
    let scene = scene_before(&[gone], false);
    for _ in 0..5 {
        assert_eq!(scene.get("acme.example.com", "/x", &[]).0.status, 502);
    }
}

#[test]
fn a_kept_connection_that_was_closed_costs_nobody_an_answer() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let a = server("a");
    let scene = scene_before(std::slice::from_ref(&a.at), false);
    a.closes.store(true, Ordering::SeqCst);
    let mut client = scene.client();
    for number in 1..=50 {
        client.send(get("acme.example.com", "/x", &[]));
        assert_eq!(client.answer().status, 200, "{number}");
        assert_eq!(a.requests.load(Ordering::SeqCst), number, "each is worked on once");
    }
}

#[test]
fn a_client_that_goes_does_not_keep_its_place() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    // takes the request, and never answers
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let scene = scene_before(&[listener.local_addr().unwrap().to_string()], false);
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut client = scene.client();
        client.send(get("slow.example.com", "/x", &[]));
        kept.push((client, listener.accept().unwrap().0));
    }
    assert_eq!(scene.get("slow.example.com", "/x", &[]).0.code(), "TENANT_BUSY");
    for (client, mut server) in kept {
        drop(client);
        let mut all = Vec::new();
        // ends when the gateway lets go of it
        server.read_to_end(&mut all).unwrap();
        assert!(all.starts_with(b"GET /x"));
    }
    let begin = Instant::now();
    while scene.directory_requests("slow") > 0 {
        assert!(begin.elapsed() < Duration::from_secs(10));
        std::thread::yield_now();
    }
}

#[test]
fn a_request_under_way_is_let_end_when_the_gateway_stops() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    *SERVERS.lock().unwrap_or_else(PoisonError::into_inner) = vec![listener.local_addr().unwrap().to_string()];
    let scene = Scene::with(|settings| {
        without_health(settings);
        settings.times = Times { drain_within: Duration::from_secs(30), ..Times::default() };
    });
    let (mut idle, mut client) = (scene.client(), scene.client());
    client.send(get("acme.example.com", "/x", &[]));
    let (mut server, _) = listener.accept().unwrap();
    let at = scene.gateway.addresses()[0];
    let gateway = scene.gateway;
    let stopping = std::thread::spawn(move || gateway.stop());
    assert_eq!(idle.answer().status, 0, "who waits for nothing is let go");
    while TcpStream::connect(at).is_ok() {
        std::thread::yield_now();
    }
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate").unwrap();
    let answer = client.answer();
    assert_eq!((answer.body.as_str(), answer.header("connection")), ("late", Some("close")));
    stopping.join().unwrap();
}
