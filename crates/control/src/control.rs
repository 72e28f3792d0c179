//! The control plane as a whole: started once, served until it is told to stop.

use std::collections::BTreeMap;
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
use crate::http::{self, Api, Parts};
use crate::quotas::ledger::Ledger;
use crate::quotas::{self, Quotas};
use crate::secret::Secret;
use crate::sign_in::{Mode, SignIn};
use crate::signing::Keeper;
use crate::tasks::Tasks;
use crate::usage::{self, Report, Sampled, SampledTable};
use crate::webhooks::{self, WebhookSettings};
use crate::work::{self, Application, Workshop};

/// What it needs to start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its database, as the owner, who may make roles.
    pub owner: Target,
    /// Its secret; another one makes all keys worthless.
    pub secret: Secret,
    /// Most connections to the database, and as many to the application's.
    pub connections: usize,
    /// The application's database, as a member of its quota role alone: where limits are held.
    pub application: Option<Target>,
    /// How old the numbers may be behind a validation that is clearly allowed; zero asks the database each time.
    pub validation_age: Duration,
    /// Who may sign in, and how.
    pub sign_in: SignIn,
    /// The application's database, as a member of the role that keeps the signing keys of tenant contexts.
    pub keeper: Option<Target>,
    /// Databases of the application, by name: where tenants live.
    pub applications: BTreeMap<String, Application>,
    /// How events are delivered.
    pub webhooks: WebhookSettings,
    /// What is watched, and who is told.
    pub alerts: AlertSettings,
}

impl Settings {
    /// A control plane in this database that holds no limits and no keys anywhere, puts tenants nowhere and lets nobody
    /// sign in: API keys alone.
    pub fn new(owner: Target, secret: Secret) -> Self {
        Self {
            owner,
            secret,
            connections: crate::CONNECTIONS_DEFAULT,
            application: None,
            validation_age: Duration::ZERO,
            sign_in: SignIn::default(),
            keeper: None,
            applications: BTreeMap::new(),
            webhooks: WebhookSettings::default(),
            alerts: AlertSettings::default(),
        }
    }
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
        let connections = settings.connections;
        let held = settings.application.map(|target| Ledger::new(target, connections)).transpose()?;
        let parts = Parts {
            shop: Workshop::new(db.clone(), settings.secret.clone(), settings.applications),
            sign_in: settings.sign_in,
            quotas: Quotas::new(held, settings.validation_age),
            keeper: settings.keeper.map(Keeper::new),
            webhooks: settings.webhooks,
            alerts: settings.alerts,
        };
        Ok(Self { api: Api::new(db, settings.secret, parts), first_key })
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

    /// Does once what the task of quotas does all the time: writes limits, looks who is near one, notes the day's use.
    pub async fn keep_quotas(&self) -> Result<(), Error> {
        quotas::round(&self.api, quotas::Due { look: true, note: true }).await
    }

    /// Does the work that is due, to its end: what [`serve`](Self::serve) does all the time. Gives the number of tasks
    /// taken.
    pub async fn work(&self) -> Result<usize, Error> {
        work::drain(self.api.shop()).await
    }

    /// Serves until told to stop; requests that were begun are answered. Work that is under way is left where it
    /// stands: another start goes on with it. Where nobody is asked who he is, nobody beyond this machine is served.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), std::io::Error> {
        if self.api.sign_in().mode == Mode::Anonymous {
            if !listener.local_addr()?.ip().is_loopback() {
                let what = "a control plane that asks nobody who he is listens on the loopback alone";
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, what));
            }
            tracing::warn!(
                "the control plane asks nobody who he is: whoever reaches this machine's loopback is its operator"
            );
        }
        let _working = work::start(self.api.shop());
        let _tasks = Tasks::start(&self.api);
        let service = self.router().into_make_service_with_connect_info::<SocketAddr>();
        let keeper = tokio::spawn(quotas::keep(self.api.clone()));
        let served = axum::serve(listener, service).with_graceful_shutdown(stop).await;
        // what it was at is taken back, and done by whoever comes next
        keeper.abort();
        served
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
            crate::databases::store::STATEMENTS,
            crate::audit::retention::STATEMENTS,
            crate::audit::sink::STATEMENTS,
            crate::directory::STATEMENTS,
            crate::erasing::store::STATEMENTS,
            crate::fleet::store::STATEMENTS,
            crate::outbox::STATEMENTS,
            crate::plans::store::STATEMENTS,
            crate::quotas::store::STATEMENTS,
            crate::placing::store::STATEMENTS,
            crate::work::store::STATEMENTS,
            crate::tenants::store::STATEMENTS,
            crate::usage::sample::STATEMENTS,
            crate::usage::store::STATEMENTS,
            crate::webhooks::queue::STATEMENTS,
            crate::webhooks::store::STATEMENTS,
            crate::http::idempotency::STATEMENTS,
            crate::sign_in::store::STATEMENTS,
            crate::users::store::STATEMENTS,
            crate::members::store::STATEMENTS,
            crate::support::store::STATEMENTS,
        ];
        stores.concat()
    }

    /// Every statement for the application's database.
    pub fn application_statements() -> Vec<&'static Sql> {
        crate::quotas::counters::STATEMENTS.to_vec()
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
