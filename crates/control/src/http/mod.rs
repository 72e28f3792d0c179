//! The API over HTTP: what every route shares. Subjects bring their routes (`*/http.rs`); here they get request ids,
//! problems, bounded strict bodies, pages, versions, idempotency keys, and the doors for machines.
//!
//! A route is in the OpenAPI document or it is not there: `/api/workspaces/…` is the older spelling of
//! `/api/tenants/…`, the same routes under another name.

pub(crate) mod body;
pub(crate) mod caller;
mod credential;
mod document;
pub(crate) mod idempotency;
mod machine;
mod noted;
pub(crate) mod page;
mod problem;
pub(crate) mod query;
pub(crate) mod reply;
mod request_id;
mod routes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use body::BODY_BYTES_MAX;
pub use problem::Problem;
pub use routes::{OF_PLATFORM, ROUTES};

use crate::access::Actor;
use crate::alerts::AlertSettings;
use crate::audit::{Context, Entry};
use crate::db::Db;
use crate::error::{Code, Error};
use crate::quotas::Quotas;
use crate::secret::Secret;
use crate::sign_in::SignIn;
use crate::signing::Keeper;
use crate::webhooks::WebhookSettings;
use crate::work::Workshop;
use machine::Counters;
use noted::Notes;
use request_id::RequestId;

/// Longest request.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// What handlers need.
#[derive(Clone, Debug)]
pub(crate) struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    secret: Secret,
    counters: Counters,
    notes: Notes,
    parts: Parts,
}

/// What single subjects need.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Where tenants are put and taken away.
    pub shop: Workshop,
    /// Who may sign in, and how.
    pub sign_in: SignIn,
    /// Limits, and where they are held.
    pub quotas: Quotas,
    /// The door to the signing keys in the application's database.
    pub keeper: Option<Keeper>,
    /// How events are delivered.
    pub webhooks: WebhookSettings,
    /// What is watched, and who is told.
    pub alerts: AlertSettings,
}

impl Api {
    /// An API over this database; a task writes what is refused into the audit log.
    pub(crate) fn new(db: Db, secret: Secret, parts: Parts) -> Self {
        let notes = Notes::start(db.clone());
        Self(Arc::new(Inner { db, secret, counters: Counters::default(), notes, parts }))
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0.secret
    }

    pub(crate) fn quotas(&self) -> &Quotas {
        &self.0.parts.quotas
    }

    pub(crate) fn sign_in(&self) -> &SignIn {
        &self.0.parts.sign_in
    }

    /// The door to the signing keys in the application's database.
    pub(crate) fn keeper(&self) -> Option<&Keeper> {
        self.0.parts.keeper.as_ref()
    }

    /// Where work is done that takes longer than a request.
    pub(crate) fn shop(&self) -> &Workshop {
        &self.0.parts.shop
    }

    pub(crate) fn webhooks(&self) -> &WebhookSettings {
        &self.0.parts.webhooks
    }

    pub(crate) fn alerts(&self) -> &AlertSettings {
        &self.0.parts.alerts
    }

    /// Somebody showed a credential that is none.
    fn refused(&self, context: Context, entry: Entry) {
        self.0.counters.refused();
        self.note(Actor::nobody(), context, entry);
    }

    /// Something was refused: it stands in the audit log a moment later.
    pub(crate) fn note(&self, actor: Actor, context: Context, entry: Entry) {
        self.0.notes.put(actor, context, entry);
    }

    /// Whether this digest was not seen before, as far as is remembered.
    pub(crate) fn sees_first(&self, digest: &[u8; 32]) -> bool {
        self.0.notes.sees_first(digest)
    }
}

/// What there is about a tenant, below its id.
fn of_tenants() -> OpenApiRouter<Api> {
    crate::tenants::http::routes()
        .merge(crate::access::http::routes())
        .merge(crate::audit::http::routes())
        .merge(crate::members::http::routes())
        .merge(crate::support::http::routes())
        .merge(crate::quotas::http::routes())
        .merge(crate::placing::http::routes())
        .merge(crate::erasing::http::routes())
        .merge(crate::webhooks::http::routes())
        .merge(crate::usage::http::routes())
        .merge(crate::alerts::http::routes())
}

fn documented() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .nest("/api/tenants", of_tenants())
        .nest("/api/plans", crate::plans::http::routes())
        .nest("/api/users", crate::users::http::routes())
        .nest("/api/signing-keys", crate::signing::http::routes())
        .nest("/api/databases", crate::databases::http::routes())
        .nest("/api/fleet", crate::fleet::http::routes())
        .merge(crate::tenants::http::own_routes())
        .merge(crate::sign_in::http::routes())
        .merge(crate::webhooks::http::platform_routes())
        .merge(crate::usage::http::platform_routes())
        .merge(crate::alerts::http::platform_routes())
        .merge(crate::audit::retention::platform_routes())
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
    routes::say(&mut document);
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
