//! H-33, H-34: what goes on for long, and pages of other sites.

use crate::scene::{Scene, get};

pub(crate) const SOCKET: [&str; 4] =
    ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="];

#[test]
fn h33_a_web_socket_passes_and_ends_with_its_tenant() {
    let scene = Scene::new();
    let mut client = scene.client();
    client.send(get("acme.example.com", "/socket", &SOCKET));
    assert_eq!(client.answer().status, 101);
    for text in ["hello", "again"] {
        client.send(text);
        assert_eq!(client.until(text.as_bytes()).unwrap(), text);
    }
    let received = scene.application.take();
    assert_eq!((received[0].one("x-tenant-id").as_str(), received[0].one("upgrade").as_str()), ("1", "websocket"));
    scene.suspend(&["acme"]);
    assert!(client.is_over());
    // as events
    let mut client = scene.client();
    client.send(get("bolt.example.com", "/events", &[]));
    assert!(client.until(b"data: 2").is_some());
    scene.suspend(&["acme", "bolt"]);
    assert!(client.is_over());
    assert_eq!(scene.get("bolt.example.com", "/x", &[]).0.status, 403);
}

#[test]
fn h33_no_page_of_another_site_opens_a_web_socket() {
    let scene = Scene::new();
    for (origin, status) in [
        ("https://acme.example.com", 101),
        ("http://acme.example.com", 101),
        ("https://bolt.example.com", 403),
        ("https://acme.example.com.evil.com", 403),
        ("https://evil.com", 403),
        ("null", 403),
    ] {
        let origin = format!("Origin: {origin}");
        let lines = [&SOCKET[..], &[&origin]].concat();
        let mut client = scene.client();
        client.send(get("acme.example.com", "/socket", &lines));
        assert_eq!(client.answer().status, status, "{origin}");
    }
}

#[test]
fn h34_a_page_reads_its_own_tenants_answers_only() {
    let scene = Scene::new();
    for (origin, allowed) in [
        ("https://acme.example.com", true),
        ("https://shop.acme.com", true),
        ("https://bolt.example.com", false),
        ("https://evil.acme.example.com", false),
        ("https://acme.example.com.evil.com", false),
        ("null", false),
    ] {
        let line = format!("Origin: {origin}");
        let (answer, _) = scene.get("acme.example.com", "/cors/x", &[&line]);
        assert_eq!(answer.header("access-control-allow-origin"), allowed.then_some(origin), "{origin}");
        assert_eq!(answer.header("vary"), Some("Origin"));
        let (answer, received) = scene.ask(&format!(
            "OPTIONS /cors/x HTTP/1.1\r\nHost: acme.example.com\r\n{line}\r\nAccess-Control-Request-Method: GET\r\n\r\n"
        ));
        assert_eq!(answer.status == 204, allowed, "{answer:?}");
        assert_eq!(received.is_empty(), allowed, "the gateway answers itself");
    }
}
