//! The API over HTTP: what every route shares. Subjects bring their routes (`*/http.rs`); here they get request ids,
//! problems, bounded strict bodies, pages, versions, idempotency keys, and the doors for machines.
//!
//! A route is in the OpenAPI document or it is not there: `/api/workspaces/…` is the older spelling of
//! `/api/tenants/…`, the same routes under another name.

pub(crate) mod body;
pub(crate) mod caller;
mod document;
pub(crate) mod idempotency;
mod machine;
pub(crate) mod page;
mod problem;
pub(crate) mod reply;
mod request_id;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::sync::mpsc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use body::BODY_BYTES_MAX;
pub use problem::Problem;

use crate::access::Actor;
use crate::alerts::AlertSettings;
use crate::audit::{self, Context, Entry, Outcome, Severity};
use crate::db::{Db, Scope};
use crate::error::{Code, Error};
use crate::ids::TenantId;
use crate::secret::Secret;
use crate::webhooks::WebhookSettings;
use machine::Counters;
use request_id::RequestId;

/// Refused logins that wait to be written; more are counted and dropped, so that an attacker cannot fill the memory.
const REFUSED_WAITING_MAX: usize = 1_024;
/// Longest request.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// What handlers need.
#[derive(Clone, Debug)]
pub(crate) struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    secret: Secret,
    webhooks: WebhookSettings,
    alerts: AlertSettings,
    counters: Counters,
    refused: mpsc::Sender<Refused>,
}

impl Api {
    /// An API over this database; a task writes refused logins into the audit log.
    pub(crate) fn new(db: Db, secret: Secret, webhooks: WebhookSettings, alerts: AlertSettings) -> Self {
        let (refused, waiting) = mpsc::channel(REFUSED_WAITING_MAX);
        tokio::spawn(write_refused(db.clone(), waiting));
        Self(Arc::new(Inner { db, secret, webhooks, alerts, counters: Counters::default(), refused }))
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0.secret
    }

    pub(crate) fn webhooks(&self) -> &WebhookSettings {
        &self.0.webhooks
    }

    pub(crate) fn alerts(&self) -> &AlertSettings {
        &self.0.alerts
    }

    /// Somebody named a tenant that is not its own, or none at all. It is written for the platform, so that the log of
    /// neither tenant says whether the other exists.
    fn strayed(&self, context: Context, actor: &Actor, named: TenantId) {
        let metadata = json!({ "named": named, "by": actor.reach_name() });
        self.write(Refused {
            context,
            actor: actor.clone(),
            action: "WORKSPACE_ACCESS_DENIED",
            severity: Severity::High,
            metadata,
        });
    }

    /// Somebody showed a credential that is none.
    fn refused(&self, context: Context, path: &str) {
        let path: String = path.chars().take(200).collect();
        self.0.counters.refused();
        self.write(Refused {
            context,
            actor: Actor::nobody(),
            action: "API_KEY_ACCESS_FAILED",
            severity: Severity::Medium,
            metadata: json!({ "path": path }),
        });
    }

    fn write(&self, refused: Refused) {
        if self.0.refused.try_send(refused).is_err() {
            tracing::warn!("a refusal was not written into the audit log: too many at once");
        }
    }
}

/// What was refused, and shall be written down.
#[derive(Debug)]
struct Refused {
    context: Context,
    actor: Actor,
    action: &'static str,
    severity: Severity,
    metadata: serde_json::Value,
}

/// Writes refusals into the audit log for as long as the API lives.
async fn write_refused(db: Db, mut waiting: mpsc::Receiver<Refused>) {
    while let Some(Refused { context, actor, action, severity, metadata }) = waiting.recv().await {
        let mut entry = Entry::done(action, severity, None).with(metadata);
        entry.outcome = Outcome::Denied;
        let written = async {
            let mut tx = db.write(Scope::Platform, "authentication").await?;
            audit::record(&mut tx, &actor, &context, entry).await?;
            tx.commit().await
        };
        if let Err(error) = written.await {
            tracing::error!("a refusal was not written into the audit log: {error}");
        }
    }
}

fn documented() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .nest("/api/tenants", of_tenants())
        .merge(crate::tenants::http::own_routes())
        .merge(crate::webhooks::http::platform_routes())
        .merge(crate::usage::http::platform_routes())
        .merge(crate::alerts::http::platform_routes())
        .merge(crate::audit::retention::platform_routes())
}

/// What is there for each tenant.
fn of_tenants() -> OpenApiRouter<Api> {
    crate::tenants::http::routes()
        .merge(crate::access::http::routes())
        .merge(crate::audit::http::routes())
        .merge(crate::webhooks::http::routes())
        .merge(crate::usage::http::routes())
        .merge(crate::alerts::http::routes())
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    let (_, mut document) = documented().split_for_parts();
    document.info.title = "tenantry control plane".into();
    document.info.description = Some(
        "Every path under /api/tenants is also there under /api/workspaces, and /api/tenant as /api/workspace. \
         Failures are application/problem+json."
            .into(),
    );
    document::complete(&mut document);
    document
}

/// The routes, ready to serve.
pub(crate) fn router(api: Api) -> Router {
    let (router, _) = documented().split_for_parts();
    let (older, _) = OpenApiRouter::new().nest("/api/workspaces", of_tenants()).split_for_parts();
    let document = openapi();
    router
        .merge(older)
        .route("/api/workspace", get(crate::tenants::http::own))
        .route("/openapi.json", get(move || async move { axum::Json(document) }))
        .merge(machine::routes())
        .fallback(|| async { Error::new(Code::NotFound, "there is no such path: /openapi.json lists them") })
        .layer(from_fn_with_state(api.clone(), around))
        .with_state(api)
}

/// Around every request: its id, a bound on its time, its end even where the client goes away, its count.
async fn around(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let trace = request.headers().get("traceparent").cloned();
    // a task of its own: a client that goes away must not stop a change in the middle of its transaction
    let work = tokio::spawn(crate::ablation::inherited(tokio::time::timeout(REQUEST_TIME_MAX, next.run(request))));
    let response = match work.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Error::new(Code::Unavailable, "this took too long: try again").into_response(),
        Err(panic) => Error::bug("end a handler").because(panic).into_response(),
    };
    let mut response = problem::finish(response, &id);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(request_id::HEADER, value);
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    api.0.counters.request(method.as_str(), status, took);
    tracing::info!(request.id = id.0, trace.parent = ?trace, "{method} {path}: {status} in {} ms", took.as_millis());
    response
}
