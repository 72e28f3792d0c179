//! H-35: events that come in. Whose they are is told by a signature, and by nothing beside it.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::scene::{SECRETS, Scene};

/// Seconds from now on, as a text.
pub(crate) fn time(ahead: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    (i64::try_from(now).unwrap() + ahead).to_string()
}

/// An event for a path, signed with the secret of a tenant.
pub(crate) fn event(host: &str, path: &str, signer: &str, id: &str, time: &str, more: &str) -> String {
    let secret = SECRETS.iter().find(|(tenant, _)| *tenant == signer).unwrap().1;
    let body = r#"{"type":"paid"}"#;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, format!("{id}.{time}.{body}").as_bytes()));
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\nwebhook-id: {id}\r\nwebhook-timestamp: {time}\r\nwebhook-signature: v1,{signature}\r\n{more}\r\n{body}",
        body.len()
    )
}

#[test]
fn h35_an_event_is_of_whoever_signed_it_and_comes_once() {
    let scene = Scene::new();
    let now = time(0);
    let mut number = 0;
    let mut id = || {
        number += 1;
        format!("msg_{number}")
    };
    for (host, path) in
        [("acme.example.com", "/hooks"), ("gateway.internal", "/hooks/acme"), ("gateway.internal", "/hooks/1")]
    {
        let request = event(host, path, "acme", &id(), &now, "");
        let (answer, received) = scene.ask(&request);
        // a path alone is what anybody can write: without a name that counts there is nobody to check for
        let counts = host == "acme.example.com" || path != "/hooks";
        assert_eq!((answer.status, received.len()), (200, usize::from(counts)), "{host}{path}: {answer:?}");
        assert_eq!(received[0].one("x-tenant-id"), "1");
        let (answer, received) = scene.ask(&request);
        // whoever sends again has not heard that it came; the application does not hear of it twice
        assert_eq!((answer.status, received.len()), (200, 0), "again: {answer:?}");
    }
    for (why, request) in [
        ("another's secret", event("acme.example.com", "/hooks", "bolt", &id(), &now, "")),
        ("to another's path", event("gateway.internal", "/hooks/bolt", "acme", &id(), &now, "")),
        ("with a header", event("gateway.internal", "/hooks", "acme", &id(), &now, "X-Tenant-ID: bolt\r\n")),
        ("a header beside", event("acme.example.com", "/hooks", "acme", &id(), &now, "X-Tenant-ID: bolt\r\n")),
        ("two names", event("acme.example.com", "/hooks/bolt", "acme", &id(), &now, "")),
        ("too old", event("acme.example.com", "/hooks", "acme", &id(), &time(-600), "")),
        ("too early", event("acme.example.com", "/hooks", "acme", &id(), &time(600), "")),
        ("nobody's", event("gateway.internal", "/hooks/nobody", "acme", &id(), &now, "")),
        ("changed", event("acme.example.com", "/hooks", "acme", &id(), &now, "").replace("paid", "free")),
        ("unsigned", event("acme.example.com", "/hooks", "acme", &id(), &now, "").replace("v1,", "v0,")),
    ] {
        let (answer, received) = scene.ask(&request);
        assert_eq!((answer.status, received.len()), (401, 0), "{why}: {answer:?}");
        assert_eq!(answer.code(), "WEBHOOK_REFUSED", "one answer for all");
    }
}
