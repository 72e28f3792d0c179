//! The control plane as a whole: started once, served until it is told to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use serde_json::json;
use tenantry_pg::Target;
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use crate::access::{Actor, Permission, Role, key, on_platform, store};
use crate::alerts::{self, AlertSettings};
use crate::audit::{self, Context, Entry, Severity, Unsent};
use crate::change::Change;
use crate::db::{Db, Sql, migrate};
use crate::directory::{self, Published};
use crate::error::Error;
use crate::http::reply::Reply;
use crate::http::{self, Api};
use crate::secret::Secret;
use crate::tasks::Tasks;
use crate::usage::{self, Report, Sampled, SampledTable};
use crate::webhooks::{self, WebhookSettings};

/// What it needs to start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its database, as the owner, who may make roles.
    pub owner: Target,
    /// Its secret; another one makes all keys worthless.
    pub secret: Secret,
    /// Most connections to the database.
    pub connections: usize,
    /// How events are delivered.
    pub webhooks: WebhookSettings,
    /// What is watched, and who is told.
    pub alerts: AlertSettings,
}

/// A control plane.
#[derive(Clone, Debug)]
pub struct Control {
    api: Api,
    first_key: Option<Zeroizing<String>>,
}

impl Control {
    /// Brings its database up to date and is ready to serve.
    pub async fn start(settings: Settings) -> Result<Self, Error> {
        let migrated = migrate::run(&settings.owner, &settings.secret).await?;
        let db = Db::new(migrated.api, migrated.operator, settings.connections)?;
        let first_key = first_key(&db, &settings.secret).await?;
        Ok(Self { api: Api::new(db, settings.secret, settings.webhooks, settings.alerts), first_key })
    }

    /// The operator's key, if this start made the first one. It is kept nowhere.
    pub fn first_key(&self) -> Option<&str> {
        self.first_key.as_ref().map(|k| k.as_str())
    }

    /// Its routes.
    pub fn router(&self) -> Router {
        http::router(self.api.clone())
    }

    /// The directory for gateway and proxy, if it is another than the one of this number; 0 for none yet.
    pub async fn directory_if_changed(&self, known: i64) -> Result<Option<Published>, Error> {
        directory::if_changed(self.api.db(), known).await
    }

    /// Serves until told to stop; requests that were begun are answered.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), std::io::Error> {
        let _tasks = Tasks::start(&self.api);
        let service = self.router().into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).with_graceful_shutdown(stop).await
    }

    /// One round of delivering events to webhooks; says how many tries were made. A control plane that serves does it
    /// by itself.
    pub async fn deliver(&self) -> Result<usize, Error> {
        webhooks::round(self.api.db(), self.api.secret(), self.api.webhooks()).await
    }

    /// One look at what was recorded and measured; says how many alerts were raised. A control plane that serves does
    /// it by itself.
    pub async fn watch(&self) -> Result<usize, Error> {
        alerts::round(self.api.db(), self.api.alerts()).await
    }

    /// Sends e-mail about alerts; says how many were taken. A control plane that serves does it by itself.
    pub async fn mail(&self) -> Result<usize, Error> {
        match &self.api.alerts().mail {
            Some(settings) => alerts::send(self.api.db(), settings).await,
            None => Ok(0),
        }
    }

    /// Audit entries that the sink of this name has not got yet; a new sink gets all that are there.
    pub async fn unsent(&self, sink: &str) -> Result<Unsent, Error> {
        audit::sink::unsent(self.api.db(), sink).await
    }

    /// The sink took them.
    pub async fn sent(&self, sink: &str, unsent: &Unsent) -> Result<(), Error> {
        audit::sink::sent(self.api.db(), sink, unsent).await
    }

    /// Takes what a gateway or proxy of this process counted; false if the same report was taken before.
    pub async fn report(&self, report: &Report) -> Result<bool, Error> {
        usage::take(self.api.db(), "task:usage", report).await
    }

    /// Looks how much of the application's database is whose, unless somebody did within this time.
    pub async fn sample(
        &self,
        application: &Target,
        tables: &[SampledTable],
        every: Duration,
    ) -> Result<Option<Sampled>, Error> {
        usage::sample::sample(self.api.db(), application, tables, every).await
    }

    /// Every statement of every store, for the test that prepares them.
    pub fn statements() -> Vec<&'static Sql> {
        let stores = [
            crate::access::store::STATEMENTS,
            crate::alerts::store::STATEMENTS,
            crate::audit::STATEMENTS,
            crate::audit::http::STATEMENTS,
            crate::audit::retention::STATEMENTS,
            crate::audit::sink::STATEMENTS,
            crate::directory::STATEMENTS,
            crate::outbox::STATEMENTS,
            crate::tenants::store::STATEMENTS,
            crate::usage::sample::STATEMENTS,
            crate::usage::store::STATEMENTS,
            crate::webhooks::queue::STATEMENTS,
            crate::webhooks::store::STATEMENTS,
            crate::http::idempotency::STATEMENTS,
        ];
        stores.concat()
    }
}

/// Makes the operator's key where the platform has none yet.
async fn first_key(db: &Db, secret: &Secret) -> Result<Option<Zeroizing<String>>, Error> {
    let granted = on_platform(&Actor::task("first start"), Permission::PlatformKeyManage)?;
    let mut change = Change::begin(db, granted, Context::default(), None).await?;
    // two processes that start at once: the second waits here, and finds the key
    store::lock_platform(change.tx()).await?;
    if store::has_platform_key(change.tx()).await? {
        return Ok(None);
    }
    let new = key::NewKey::draw()?;
    let kept = store::Kept {
        id: &new.id,
        tenant: None,
        name: "first operator",
        role: Role::Operator,
        hash: &key::hash(secret, &new.text),
        verifier: None,
        expires_at: None,
        replaces: None,
        created_by: "task:first start",
    };
    store::insert(change.tx(), &kept).await?;
    let entry = Entry::done("KEY_CREATED", Severity::Critical, None).to("apiKey", &new.id);
    change.audit(entry.with(json!({ "role": Role::Operator }))).await?;
    change.commit(Reply::empty(axum::http::StatusCode::CREATED)).await?;
    Ok(Some(new.text))
}
