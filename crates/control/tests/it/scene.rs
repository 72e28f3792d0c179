//! A control plane of a test: its own database, and callers of every kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tenantry_control::{Application, Control, Mode, Secret, Settings, SignIn};
use tenantry_issuer::{IssuerParts, IssuerSettings, KeySource};
use tenantry_pg::Target;
use tenantry_testkit::{Database, postgres};
use tower::ServiceExt;

/// Version of the server.
const MAJOR: u32 = 15;

pub(crate) struct Scene {
    pub(crate) database: Database,
    pub(crate) control: Control,
    pub(crate) router: Router,
    pub(crate) operator: String,
    pub(crate) settings: Settings,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{:?}", self.body);
        self
    }

    pub(crate) fn etag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("{name} in {:?}", self.body)).to_owned()
    }
}

/// A request that is being put together.
pub(crate) struct Call<'a> {
    scene: &'a Scene,
    request: axum::http::request::Builder,
    body: Body,
}

impl Call<'_> {
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw(body.to_string())
    }

    pub(crate) fn raw(self, body: String) -> Self {
        Self { body: Body::from(body), ..self }.header("content-type", "application/json")
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.request.body(self.body).unwrap();
        let response = self.scene.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
        if answer.status >= 400 && parts.status != StatusCode::SERVICE_UNAVAILABLE {
            // every failure is a problem that carries the request's id
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert_eq!(answer.body["requestId"], answer.headers["x-request-id"].to_str().unwrap());
            assert_eq!(answer.body["status"], answer.status);
            assert!(!answer.code().is_empty() && answer.body["type"].as_str().unwrap().ends_with(".md"));
        }
        assert_ne!(answer.status, 500, "{:?}", answer.body);
        answer
    }
}

/// The issuer of most tests, and another one.
pub(crate) const ISSUER: &str = "https://id.test";
pub(crate) const OTHER_ISSUER: &str = "https://other.test";

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// The public half of the key of this seed, as a JWK has it.
pub(crate) fn public(seed: u8) -> String {
    URL_SAFE_NO_PAD.encode(pair(seed).public_key().as_ref())
}

/// An issuer whose tokens are signed with the key of this seed.
pub(crate) fn issuer(name: &str, seed: u8) -> Arc<IssuerSettings> {
    let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": public(seed) }] });
    let parts = IssuerParts {
        issuer: name.into(),
        audiences: vec!["tenantry".into()],
        algorithms: vec!["EdDSA".into()],
        source: KeySource::Set(set.to_string()),
        tenant_claims: vec!["tenant".into()],
        tenant: None,
        token_type: None,
        client: None,
    };
    Arc::new(IssuerSettings::new(parts).unwrap())
}

/// A token of these claims, signed with the key of this seed.
pub(crate) fn sign(seed: u8, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&json!({ "alg": "EdDSA", "kid": "k" })), encode(claims));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair(seed).sign(message.as_bytes()).as_ref()))
}

/// A good token of the first issuer about somebody, with more claims or others.
pub(crate) fn token(subject: &str, more: &Value) -> String {
    let mut claims = json!({ "iss": ISSUER, "aud": "tenantry", "exp": 4_000_000_000_u64, "sub": subject, "iat": 1 });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sign(1, &claims)
}

/// Two issuers, many tenants.
pub(crate) fn two_issuers() -> SignIn {
    SignIn { mode: Mode::MultiTenant, issuers: vec![issuer(ISSUER, 1), issuer(OTHER_ISSUER, 2)] }
}

impl Scene {
    pub(crate) async fn new(hint: &str) -> Self {
        Self::with(hint, two_issuers()).await
    }

    /// One that holds limits in an application's database.
    pub(crate) async fn with_application(hint: &str, application: Option<Target>) -> Self {
        Self::start(hint, |settings| settings.application = application).await
    }

    /// One where tenants can live in these databases.
    pub(crate) async fn with_places(hint: &str, applications: BTreeMap<String, Application>) -> Self {
        Self::start(hint, |settings| settings.applications = applications).await
    }

    /// One where these may sign in.
    pub(crate) async fn with(hint: &str, sign_in: SignIn) -> Self {
        Self::start(hint, |settings| settings.sign_in = sign_in).await
    }

    /// One with other settings; and its control plane, for what it does unasked.
    pub(crate) async fn with_settings(hint: &str, change: impl FnOnce(&mut Settings)) -> (Self, Control) {
        let scene = Self::start(hint, change).await;
        let control = scene.control.clone();
        (scene, control)
    }

    async fn start(hint: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let database = postgres(MAJOR).database(hint).await;
        let mut settings = Settings {
            connections: 8,
            sign_in: two_issuers(),
            ..Settings::new(database.target(), Secret::random().unwrap())
        };
        change(&mut settings);
        let control = Control::start(settings.clone()).await.unwrap();
        let operator = control.first_key().unwrap().to_owned();
        Self { database, router: control.router(), operator, settings, control }
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call<'_> {
        Call { scene: self, request: Request::builder().method(method).uri(path), body: Body::empty() }
    }

    /// As the operator.
    pub(crate) fn operate(&self, method: &str, path: &str) -> Call<'_> {
        self.call(method, path).key(&self.operator)
    }

    /// A new tenant's id.
    pub(crate) async fn tenant(&self, slug: &str) -> String {
        let body = json!({ "name": slug, "slug": slug, "type": "Parent" });
        self.operate("POST", "/api/tenants").json(&body).send().await.is(201).text("id")
    }

    /// A new key of a tenant: its id, and the key.
    pub(crate) async fn key(&self, tenant: &str, role: &str) -> (String, String) {
        let path = format!("/api/tenants/{tenant}/keys");
        let made = self.operate("POST", &path).json(&json!({ "name": role, "role": role })).send().await;
        (made.is(201).text("id"), made.text("key"))
    }

    /// Makes somebody a member, as the operator: the tenant has no Admin yet, or the first one.
    pub(crate) async fn member(&self, tenant: &str, subject: &str, role: &str) -> String {
        let path = format!("/api/tenants/{tenant}/members");
        let body = json!({ "issuer": ISSUER, "subject": subject, "role": role });
        self.operate("POST", &path).json(&body).send().await.is(201).text("userId")
    }

    /// The actions in the audit log that begin like this, oldest first, once as many are there.
    pub(crate) async fn actions(&self, like: &str, count: usize) -> Vec<(String, Option<String>, Value)> {
        let client = self.database.connect().await;
        let sql = "SELECT action, tenant_id::text, jsonb_build_object('actor', actor, 'metadata', metadata, 'targets', targets)
                   FROM tenantry_control.audit_entry WHERE action LIKE $1 ORDER BY sequence";
        for _ in 0..200 {
            let rows = client.query(sql, &[&like]).await.unwrap();
            if rows.len() >= count {
                return rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect();
            }
            // refusals are written by a task of their own
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("there are not {count} entries like {like}");
    }
}
