//! Layer W, the other side: servers that ask for too much, say something to nobody, or are gone.

use std::path::PathBuf;
use std::sync::Arc;

use tenantry_proxy::settings::LoginSettings;
use tenantry_wire::scram::{ITERATIONS_MIN, Verifier};
use tenantry_wire::{backend, tag};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::scene::{BACKEND_PASSWORD, BODIES, Scene, canary};
use crate::wire::{Batch, Wire};

/// A server connection that ended while nobody used it is not lent: the client learns nothing of it.
#[tokio::test]
async fn a_connection_that_died_in_the_pool_is_not_lent() {
    let scene = Scene::new(1).await;
    let mut b = scene.tenant("bolt").await;
    for _ in 0..5 {
        let process = b.backend().await;
        end(&scene, &process).await;
        let reply = b.query(BODIES).await;
        assert_eq!((reply.tags.as_str(), reply.column()), ("TDDDCZ", vec![canary("bolt"); 3]), "{reply:?}");
        assert_ne!(b.backend().await, process);
    }
}

/// The same, while clients wait: each of them is served.
#[tokio::test]
async fn who_waits_for_a_connection_that_died_gets_another() {
    let scene = Scene::with(2, |settings, _| {
        let password = BACKEND_PASSWORD.as_bytes();
        let verifier = Verifier::from_password(password, b"salt-of-the-roles", ITERATIONS_MIN).ok();
        let (name, databases) = ("boss".into(), Vec::new());
        let boss = LoginSettings { name, verifier, databases, admin: true, mode: None, certificate: None };
        settings.logins.push(Arc::new(boss));
    })
    .await;
    let console = [("user", "boss"), ("database", "tenantry")];
    let mut console = Wire::log_in(scene.at, &console, BACKEND_PASSWORD).await.expect("the console");
    let mut clients = Vec::new();
    for n in 0..6 {
        clients.push(scene.tenant(["acme", "bolt"][n % 2]).await);
    }
    let mut processes = [String::new(), String::new()];
    let (one, two) = clients.split_at_mut(1);
    one[0].query("BEGIN").await.good();
    processes[0] = one[0].backend().await;
    processes[1] = two[0].backend().await;
    one[0].query("COMMIT").await.good();
    console.query("PAUSE").await.good();
    for client in &mut clients {
        client.send(&Batch::default().query(BODIES).0).await;
    }
    for process in &processes {
        end(&scene, process).await;
    }
    console.query("RESUME").await.good();
    for (n, client) in clients.iter_mut().enumerate() {
        let reply = client.reply().await;
        assert_eq!(reply.column(), [canary(["acme", "bolt"][n % 2]); 3], "{reply:?}");
    }
}

/// Ends a server process, and waits until the system has closed its socket.
async fn end(scene: &Scene, process: &str) {
    let admin = scene.db.connect().await;
    let process: i32 = process.parse().expect("a number");
    admin.execute("SELECT pg_catalog.pg_terminate_backend($1)", &[&process]).await.expect("a superuser may");
    let folder = PathBuf::from(format!("/proc/{process}"));
    while folder.exists() {
        tokio::task::yield_now().await;
    }
    admin.close().await;
}

/// What a server says between two transactions is for nobody.
#[tokio::test]
async fn w39_what_comes_between_two_clients_is_told_to_none() {
    let scene = Scene::new(1).await;
    for next in ["bolt", "acme"] {
        let mut a = scene.tenant("acme").await;
        a.query("DO $$BEGIN EXECUTE 'LISTEN \"CANARY-acme\"'; END$$").await.good();
        let process = a.backend().await;
        drop(a);
        let admin = scene.db.connect().await;
        admin.batch_execute("NOTIFY \"CANARY-acme\", 'CANARY-acme'").await.expect("a notification");
        // it was sent once its sender has moved on and the listener has read it
        let read = "SELECT pg_catalog.pg_notification_queue_usage() = 0";
        while !admin.query_one(read, &[]).await.expect("the queue").get::<_, bool>(0) {
            tokio::task::yield_now().await;
        }
        admin.close().await;
        let mut b = scene.tenant(next).await;
        let reply = b.query(&format!("SELECT 'mine', pg_backend_pid() = {process}")).await;
        assert_eq!(reply.tags, "TDCZ", "{next}: {reply:?}");
        assert!(!reply.holds(canary("acme")), "{next}: {reply:?}");
    }
}

/// Lengths that overflow, in the message or in a value, reach no server, or are refused by it; the next client is
/// itself.
#[tokio::test]
async fn w22_lengths_that_overflow_are_refused() {
    let scene = Scene::new(1).await;
    let mut b = scene.tenant("bolt").await;
    for length in [i32::MAX, i32::MIN, -1, 0x4000_0000, 3, 0] {
        for tag in [tag::frontend::QUERY, tag::frontend::PARSE, tag::frontend::BIND, tag::frontend::EXECUTE] {
            let mut a = scene.tenant("acme").await;
            let mut message = vec![tag];
            message.extend_from_slice(&length.to_be_bytes());
            message.extend_from_slice(b"SELECT 'smuggled'\0");
            a.send(&message).await;
            let reply = a.reply().await;
            assert_eq!(reply.code(), "08P01", "{length} {tag}: {reply:?}");
            assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3]);
        }
    }
    // a value that says it is longer than its message
    for length in [i32::MAX, 0x7fff_fff0, i32::MIN, -2] {
        let mut a = scene.tenant("acme").await;
        let mut body = b"\0\0\0\0\0\x01".to_vec();
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(b"value\0\0");
        let mut message = Batch::default().parse("", "SELECT $1::text").0;
        message.push(tag::frontend::BIND);
        message.extend_from_slice(&i32::try_from(body.len() + 4).expect("a short message").to_be_bytes());
        message.extend_from_slice(&body);
        a.send(&message).await;
        a.send(&Batch::default().sync().query("SELECT 'after'").0).await;
        let reply = a.reply().await;
        assert!(!reply.errors.is_empty() && reply.rows.is_empty(), "{length}: {reply:?}");
        assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3]);
    }
}

/// A message that is kept whole has a bound, also as the first of a transaction.
#[tokio::test]
async fn w20_a_statement_that_is_too_long_is_refused_by_its_length() {
    let scene = Scene::new(1).await;
    for first in [Batch::default(), Batch::default().run("SELECT 1", &[])] {
        let mut a = scene.tenant("acme").await;
        let mut message = first.0;
        message.push(tag::frontend::PARSE);
        message.extend_from_slice(&(65 * 1024 * 1024_i32).to_be_bytes());
        message.extend_from_slice(b"\0SELECT");
        a.send(&message).await;
        let reply = a.reply().await;
        assert_eq!(reply.code(), "54000", "{reply:?}");
    }
}

/// A server that asks for a password in the clear or as MD5, or for a key that costs minutes, is told nothing.
#[tokio::test]
async fn w28_a_server_that_asks_for_less_is_told_nothing() {
    let cleartext = vec![b'R', 0, 0, 0, 8, 0, 0, 0, 3];
    let md5 = vec![b'R', 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4];
    for asks in [cleartext, md5] {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = server.local_addr().expect("an address").port();
        let heard = tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.expect("the proxy connects");
            let mut startup = [0; 2048];
            let _ = stream.read(&mut startup).await;
            stream.write_all(&asks).await.expect("it asks");
            let mut heard = Vec::new();
            let _ = stream.read_to_end(&mut heard).await;
            heard
        });
        let scene = Scene::with(1, |_, database| database.server.port = port).await;
        let told = scene.tenant_with("acme", &[]).await.err().expect("no server is good enough");
        assert!(!told.message.contains("test-only"), "{told:?}");
        let heard = heard.await.expect("the false server");
        let said = String::from_utf8_lossy(&heard);
        // nothing at all, or a goodbye
        assert!(heard.is_empty() || heard == [b'X', 0, 0, 0, 4], "{said}");
    }
}

/// As many iterations as a number can say are not computed.
#[tokio::test]
async fn w28_a_key_that_costs_minutes_is_not_computed() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = server.local_addr().expect("an address").port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = server.accept().await.expect("the proxy connects");
        let mut read = [0; 2048];
        let _ = stream.read(&mut read).await;
        let mut out = Vec::new();
        backend::write_sasl(&mut out, &["SCRAM-SHA-256"]).expect("a message");
        stream.write_all(&out).await.expect("it asks");
        let count = stream.read(&mut read).await.expect("its first message");
        let first = String::from_utf8_lossy(&read[..count]).into_owned();
        let nonce = first.split("r=").nth(1).expect("a nonce");
        let challenge = format!("r={nonce}server,s=c2FsdHNhbHRzYWx0c2FsdA==,i=2147483647");
        out.clear();
        backend::write_sasl_continue(&mut out, challenge.as_bytes()).expect("a message");
        stream.write_all(&out).await.expect("it asks");
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        heard
    });
    let scene = Scene::with(1, |_, database| database.server.port = port).await;
    scene.tenant_with("acme", &[]).await.err().expect("no such server is used");
    let heard = heard.await.expect("the false server");
    assert!(!heard.starts_with(b"p"), "it computed a proof");
}
