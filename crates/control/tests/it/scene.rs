//! A control plane of a test: its own database, and callers of every kind.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tenantry_control::alerts::AlertSettings;
use tenantry_control::{Control, Secret, Settings, WebhookSettings};
use tenantry_testkit::{Database, postgres};
use tower::ServiceExt;

/// Version of the server.
const MAJOR: u32 = 15;

pub(crate) struct Scene {
    pub(crate) database: Database,
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

impl Scene {
    pub(crate) async fn new(hint: &str) -> Self {
        Self::with(hint, |_| {}).await.0
    }

    /// With other settings; and its control plane.
    pub(crate) async fn with(hint: &str, other: impl FnOnce(&mut Settings)) -> (Self, Control) {
        let database = postgres(MAJOR).database(hint).await;
        let mut settings = Settings {
            owner: database.target(),
            secret: Secret::random().unwrap(),
            connections: 4,
            webhooks: WebhookSettings::default(),
            alerts: AlertSettings::default(),
        };
        other(&mut settings);
        let control = Control::start(settings.clone()).await.unwrap();
        let operator = control.first_key().unwrap().to_owned();
        (Self { database, router: control.router(), operator, settings }, control)
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
}
