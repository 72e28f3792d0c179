//! The attacks on a gateway succeed where there is none: before a server that looks at credentials and at nothing else,
//! and before one that lets everybody in.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use tenantry_engine::verify::gateway::{self, Request, Side};
use tenantry_engine::verify::{Event, Observer, Status};

struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event<'_>) {}
}

/// A server that lets in whoever this says.
fn server(lets_in: fn(&str) -> bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut room = [0; 4096];
            let count = stream.read(&mut room).unwrap_or(0);
            let status = if lets_in(&String::from_utf8_lossy(&room[..count])) { "200 OK" } else { "401 No" };
            // whoever has gone need not hear it
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    at
}

fn request(address: String) -> Request {
    let side = |name: &str| Side { host: format!("{name}.example.com"), credential: format!("{name} secret") };
    Request {
        address,
        path: "/x".into(),
        a: side("acme"),
        b: side("bolt"),
        only: Vec::new(),
        skip: Vec::new(),
        total: Duration::from_secs(60),
    }
}

#[tokio::test]
async fn where_only_the_credential_counts_the_attacks_succeed() {
    let at = server(|head| head.contains("Authorization: Bearer acme") || head.contains("Authorization: Bearer bolt"));
    let report = gateway::run(&request(at), &Silent).await.unwrap();
    let failed: Vec<&str> = report.checks.iter().filter(|c| c.status == Status::Fail).map(|c| c.id.as_str()).collect();
    assert_eq!(failed, ["H-01", "H-02", "H-06", "H-13", "H-24"]);
}

#[tokio::test]
async fn where_a_trick_opens_the_door_its_attack_succeeds() {
    for (id, lets_in) in [
        ("H-05", (|head| head.contains("Authorization") || head.contains("nobody.")) as fn(&str) -> bool),
        ("H-15", |head| head.contains("Authorization") || head.contains("..")),
        ("H-17", |head| head.contains("Authorization") || head.starts_with("HEAD")),
    ] {
        let only = vec![id.to_owned()];
        let report = gateway::run(&Request { only, ..request(server(lets_in)) }, &Silent).await.unwrap();
        assert_eq!(report.checks[0].status, Status::Fail, "{id}");
    }
}

#[tokio::test]
async fn what_shows_nothing_is_not_attacked() {
    let open = gateway::run(&request(server(|_| true)), &Silent).await.unwrap_err().to_string();
    assert!(open.contains("needs no credential"), "{open}");
    let shut = gateway::run(&request(server(|_| false)), &Silent).await.unwrap_err().to_string();
    assert!(shut.contains("is answered 401 with its own credential"), "{shut}");
}
