//! Keys of issuers that are fetched: by one at a time, seldom, and never believed when they do not come.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tenantry_gateway::settings::{IssuerParts, IssuerSettings, KeySource};

use crate::scene::{Answer, Scene, jwks, sign};

/// An identity provider: what it answers can be changed; no answer is a broken connection.
struct Provider {
    url: String,
    answer: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
}

fn provider(answer: Option<String>) -> Provider {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let made = Provider { url, answer: Arc::new(Mutex::new(answer)), asked: Arc::default() };
    let (answer, asked, url) = (Arc::clone(&made.answer), Arc::clone(&made.asked), made.url.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut input = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while input.read_line(&mut head).unwrap_or(0) > 2 {}
            let body = if head.starts_with("GET /.well-known/openid-configuration ") {
                Some(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }).to_string())
            } else {
                asked.fetch_add(1, Ordering::SeqCst);
                answer.lock().unwrap().clone()
            };
            if let Some(body) = body {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = input.get_mut().write_all(format!("{head}{body}").as_bytes());
            }
        }
    });
    made
}

/// The provider of the next scene, whose settings are changed by a plain function.
static URL: Mutex<String> = Mutex::new(String::new());
/// One test at a time uses it.
static ONE: Mutex<()> = Mutex::new(());

fn scene_with(provider: &Provider) -> Scene {
    *URL.lock().unwrap() = provider.url.clone();
    Scene::with(|settings| {
        let url = URL.lock().unwrap().clone();
        let parts = |issuer: String, source| IssuerParts {
            issuer,
            audiences: vec!["app".into()],
            algorithms: vec!["EdDSA".into()],
            source,
            tenant_claims: vec!["tenant".into()],
            tenant: None,
            token_type: None,
            client: None,
        };
        let all =
            [parts(format!("{url}/direct"), KeySource::Url(format!("{url}/keys"))), parts(url, KeySource::Discovery)];
        settings.issuers = all.map(|parts| Arc::new(IssuerSettings::new(parts).unwrap())).into();
    })
}

fn ask(scene: &Scene, issuer: &str, seed: u8, kid: &str) -> Answer {
    let claims = json!({ "iss": issuer, "aud": "app", "exp": 4_000_000_000_u64, "tenant": "acme", "sub": kid });
    let token = sign(seed, &json!({ "alg": "EdDSA", "kid": kid }), &claims);
    scene.get("acme.example.com", "/api/x", &[&format!("Authorization: Bearer {token}")]).0
}

#[test]
fn keys_are_fetched_once_for_all_and_seldom_again() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let provider = provider(Some(jwks(7, "k7")));
    let scene = scene_with(&provider);
    for issuer in [format!("{}/direct", provider.url), provider.url.clone()] {
        let before = provider.asked.load(Ordering::SeqCst);
        std::thread::scope(|threads| {
            let first: Vec<_> = (0..8).map(|_| threads.spawn(|| ask(&scene, &issuer, 7, "k7").status)).collect();
            assert!(first.into_iter().all(|t| t.join().unwrap() == 200));
        });
        for number in 0..20 {
            assert_eq!(ask(&scene, &issuer, 8, &format!("unknown-{number}")).status, 401);
        }
        assert_eq!(ask(&scene, &issuer, 7, "k7").status, 200);
        assert_eq!(provider.asked.load(Ordering::SeqCst) - before, 1, "nobody can make us ask more often");
    }
}

#[test]
fn h41_without_keys_nobody_is_let_in() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let provider = provider(None);
    let scene = scene_with(&provider);
    let issuer = format!("{}/direct", provider.url);
    for answer in [None, Some("{}".to_owned()), Some("rubbish".to_owned()), Some("x".repeat(600_000))] {
        *provider.answer.lock().unwrap() = answer;
        let answer = ask(&scene, &issuer, 7, "k7");
        assert_eq!((answer.status, answer.code().as_str()), (503, "IDENTITY_UNAVAILABLE"));
    }
    *provider.answer.lock().unwrap() = Some(jwks(7, "k7"));
    assert_eq!(ask(&scene, &issuer, 7, "k7").status, 200, "and as soon as they come, who belongs there is");
}
