//! A real OpenID provider: its discovery document, its keys, its tokens, and its keys when they change.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tenantry_control::{Mode, SignIn};
use tenantry_issuer::{IssuerParts, IssuerSettings, KeySource};
use tenantry_testkit::place;

use crate::scene::Scene;

/// The provider's program with what it needs, installed once.
fn program() -> PathBuf {
    let folder = place::kept("provider");
    let lock = std::fs::File::create(place::kept("locks").join("provider")).unwrap();
    lock.lock().unwrap();
    let source = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/provider"));
    let mut changed = false;
    for name in ["package.json", "package-lock.json", "provider.mjs"] {
        let text = std::fs::read(source.join(name)).unwrap();
        if std::fs::read(folder.join(name)).is_ok_and(|there| there == text) {
            continue;
        }
        std::fs::write(folder.join(name), text).unwrap();
        changed = true;
    }
    if changed || !folder.join("node_modules/oidc-provider").exists() {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
        let done = npm.status().expect("npm is there: bin/test installs it");
        assert!(done.success(), "the provider can be installed");
    }
    folder.join("provider.mjs")
}

/// A provider that runs for as long as this lives.
struct Provider {
    child: Child,
    port: u16,
}

impl Drop for Provider {
    fn drop(&mut self) {
        // it may have ended itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Provider {
    fn start(port: u16, kid: &str) -> Self {
        let mut command = Command::new("node");
        command.arg(program()).args([&port.to_string(), kid]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("node is there: bin/test installs it");
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        Self { child, port: said.trim().parse().expect("it listens") }
    }

    fn name(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A token about a client of the provider, for this audience.
    fn token(&self, client: &str, audience: &str) -> String {
        use base64::Engine;
        let secret = base64::engine::general_purpose::STANDARD.encode(format!("{client}:secret%20of%20{client}"));
        let form = format!("grant_type=client_credentials&resource=urn:{audience}&scope=api");
        let head = format!(
            "POST /token HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Basic {secret}\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n{form}",
            self.port,
            form.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let json = &answer[answer.find('{').unwrap()..=answer.rfind('}').unwrap()];
        let body: Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {answer}"));
        body["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
    }
}

#[tokio::test]
async fn a_real_provider_signs_users_in_and_its_old_keys_count_no_longer() {
    let provider = Provider::start(0, "one");
    let parts = IssuerParts {
        issuer: provider.name(),
        audiences: vec!["tenantry".into()],
        algorithms: vec!["RS256".into()],
        source: KeySource::Discovery,
        tenant_claims: vec!["tenant".into()],
        tenant: None,
        token_type: Some("at+jwt".into()),
        client: None,
    };
    let issuer = IssuerSettings::new(parts).unwrap().with_refresh(Duration::ZERO);
    let scene = Scene::with("provider", SignIn { mode: Mode::MultiTenant, issuers: vec![Arc::new(issuer)] }).await;
    let tenant = scene.tenant("acme").await;
    let body = json!({ "subject": "ada", "role": "Admin" });
    scene.operate("POST", &format!("/api/tenants/{tenant}/members")).json(&body).send().await.is(201);
    let place = format!("/api/tenants/{tenant}");
    let get = |credential: String| {
        let call = scene.call("GET", &place).key(&credential);
        async move { call.send().await }
    };
    let (ada, eve) = (provider.token("ada", "tenantry"), provider.token("eve", "tenantry"));
    get(ada.clone()).await.is(200);
    get(eve).await.is(404);
    get(provider.token("ada", "another")).await.is(401);
    let logins = scene.actions("USER_LOGIN", 1).await;
    assert_eq!(logins[0].2["metadata"]["issuer"], provider.name());

    // it starts again with another key: old tokens are over, new ones count
    let port = provider.port;
    drop(provider);
    // while it is away, who has been let in with a known key goes on
    get(ada.clone()).await.is(200);
    let provider = Provider::start(port, "two");
    get(ada).await.is(401);
    get(provider.token("ada", "tenantry")).await.is(200);
}
