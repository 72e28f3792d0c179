//! H-13, H-14: requests whose end two readers could see at two places, and connections that are not where they seem.

use crate::scene::{Scene, get};

/// What would reach the application as a request of its own if it were smuggled.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: bolt.example.com\r\nX-Tenant-ID: 2\r\n\r\n";

#[test]
fn h13_nothing_is_smuggled() {
    let scene = Scene::new();
    let length = SMUGGLED.len();
    let chunked = format!("0\r\n\r\n{SMUGGLED}");
    let head = "POST /x HTTP/1.1\r\nHost: acme.example.com\r\n";
    for (why, request) in [
        ("CL.TE", format!("{head}Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}", chunked.len())),
        ("TE.CL", format!("{head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{chunked}")),
        ("CL.0", format!("{head}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}")),
        ("two lengths", format!("{head}Content-Length: {length}\r\nContent-Length: 0\r\n\r\n{SMUGGLED}")),
        ("a list", format!("{head}Content-Length: 0, {length}\r\n\r\n{SMUGGLED}")),
        ("a sign", format!("{head}Content-Length: +{length}\r\n\r\n{SMUGGLED}")),
        ("blanks", format!("{head}Content-Length: 1 {length}\r\n\r\n{SMUGGLED}")),
        ("hex", format!("{head}Content-Length: 0x10\r\n\r\n{SMUGGLED}")),
        ("TE.TE", format!("{head}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n{chunked}")),
        ("TE list", format!("{head}Transfer-Encoding: identity, chunked\r\n\r\n{chunked}")),
        ("TE odd", format!("{head}Transfer-Encoding: xchunked\r\n\r\n{chunked}")),
        ("TE tab", format!("{head}Transfer-Encoding:\x0bchunked\r\n\r\n{chunked}")),
        ("TE space", format!("{head}Transfer-Encoding : chunked\r\n\r\n{chunked}")),
        ("TE folded", format!("{head}Transfer-Encoding:\r\n chunked\r\n\r\n{chunked}")),
        ("TE quoted", format!("{head}Transfer-Encoding: \"chunked\"\r\n\r\n{chunked}")),
        (
            "TE in 1.0",
            format!("POST /x HTTP/1.0\r\nHost: acme.example.com\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"),
        ),
        ("bare LF", format!("{head}X: y\nTransfer-Encoding: chunked\r\n\r\n{chunked}")),
        ("bare CR", format!("{head}X: y\rTransfer-Encoding: chunked\r\n\r\n{chunked}")),
        ("LF LF", format!("POST /x HTTP/1.1\r\nHost: acme.example.com\n\n{SMUGGLED}\r\n\r\n")),
        ("NUL", format!("{head}X: \0\r\n\r\n{SMUGGLED}")),
        ("underscore", format!("{head}Content_Length: {length}\r\nContent-Length: x\r\n\r\n{SMUGGLED}")),
        ("chunk sign", format!("{head}Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n{SMUGGLED}")),
        ("chunk LF", format!("{head}Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n{chunked}")),
        ("chunk long", format!("{head}Transfer-Encoding: chunked\r\n\r\n1\r\naGET /smuggled")),
        ("chunk huge", format!("{head}Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n{SMUGGLED}")),
    ] {
        scene.application.take();
        let mut client = scene.client();
        client.send(&request);
        let answer = client.answer();
        assert!([400, 0].contains(&answer.status), "{why}: {answer:?}");
        assert!(client.is_over());
        let received = scene.application.take();
        let smuggled =
            received.iter().any(|r| r.head.contains("smuggled") || r.body.windows(8).any(|w| w == b"smuggled"));
        assert!(!smuggled && received.iter().all(|r| r.one("x-tenant-id") == "1"), "{why}: {received:?}");
    }
    // the control: the same bytes as a body are a body
    let (answer, received) = scene.ask(&format!("{head}Content-Length: {length}\r\n\r\n{SMUGGLED}"));
    assert_eq!((answer.status, received.len(), received[0].body.len()), (200, 1, length));
}

#[test]
fn h13_an_upgrade_opens_no_way_around() {
    let scene = Scene::new();
    for lines in [
        "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
        "Upgrade: websocket",
        "Connection: Upgrade\r\nUpgrade: TLS/1.0",
    ] {
        scene.application.take();
        let mut client = scene.client();
        client.send(format!("{}{SMUGGLED}", get("acme.example.com", "/x", &[lines])));
        assert_eq!(client.answer().status, 200);
        // what follows is a request like any other, with the tenant of its host
        client.answer();
        let received = scene.application.take();
        assert!(received.iter().all(|r| r.all("upgrade").is_empty() && r.all("http2-settings").is_empty()));
        assert!(received.len() < 2 || received[1].all("x-tenant-id") == ["2"], "{received:?}");
    }
    // the application refuses to switch: nothing behind the head is passed on unread
    let socket = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"];
    let mut client = scene.client();
    client.send(format!("{}{SMUGGLED}", get("acme.example.com", "/x", &socket)));
    assert_eq!(client.answer().status, 200);
    let answer = client.answer();
    assert!(answer.status != 200 || answer.body.starts_with("tenant=2"), "{answer:?}");
}

#[test]
fn h14_a_connection_that_is_not_drained_is_nobodys() {
    let scene = Scene::new();
    // more than the answer: it must not become the next one's
    for _ in 0..5 {
        let (answer, _) = scene.get("acme.example.com", "/junk", &[]);
        assert_eq!(answer.body, "ok");
        let (answer, _) = scene.get("bolt.example.com", "/x", &[]);
        assert!(answer.body.starts_with("tenant=2\n"), "{answer:?}");
    }
    // an answer before the body was sent
    for _ in 0..5 {
        let mut client = scene.client();
        client.send("POST /early HTTP/1.1\r\nHost: acme.example.com\r\nContent-Length: 100000\r\n\r\nGET /smuggled HTTP/1.1\r\n");
        assert_eq!(client.answer().status, 413);
        drop(client);
        let (answer, _) = scene.get("bolt.example.com", "/x", &[]);
        assert!(answer.body.starts_with("tenant=2\n"), "{answer:?}");
    }
    // a client that goes in the middle of its body
    for _ in 0..5 {
        let mut client = scene.client();
        client.send("POST /x HTTP/1.1\r\nHost: acme.example.com\r\nContent-Length: 100000\r\n\r\nhalf");
        drop(client);
        let (answer, received) = scene.get("bolt.example.com", "/x", &[]);
        assert!(answer.body.starts_with("tenant=2\n"), "{answer:?}");
        assert!(received.iter().all(|r| r.target() == "/x"));
    }
    // the control: connections are lent again
    let numbers = [1, 2].map(|_| scene.get("acme.example.com", "/x", &[]).1[0].connection);
    assert_eq!(numbers[0], numbers[1]);
}
