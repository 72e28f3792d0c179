//! Work that takes longer than a request, and outlives the process that began it: tenants that are put in place, taken
//! away, changed; databases that are made ahead.
//!
//! What is to be done next stands in a journal (table `task`) before it is done. A step is done twice without harm, so
//! whoever finds a task that nobody holds goes on with it, on whichever control plane. A task is on loan for
//! [`LEASE`], renewed while its step runs; the record of a step counts only while the loan does. Where a step touches
//! an application's database it holds a lock there too: who lost his loan and does not know it yet is kept out.

pub(crate) mod hands;
pub(crate) mod moment;
mod run;
pub(crate) mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tenantry_model::token::ContextKey;
use tenantry_pg::Target;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::access::{Actor, Granted, Permission, on_platform};
use crate::audit::Context;
use crate::change::Change;
use crate::db::Db;
use crate::error::{Code, Error};
use crate::ids::TenantId;
use crate::secret::Secret;

pub(crate) use run::{drain, start};

/// How long a task is lent.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// How often a loan is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// Tries of a step that may pass, before what was made is taken back.
pub(crate) const ATTEMPTS_MAX: i32 = 8;

/// A database of the application, as the configuration knows it: the login that may make schemas, roles and databases.
#[derive(Clone, Debug)]
pub struct Application {
    /// Where it is, and as whom.
    pub target: Target,
    /// The key that signs its tenant contexts, where it is isolated: what erases rows of shared tables.
    pub context_key: Option<Arc<ContextKey>>,
    /// The group that may work in its tables; `{database}_rt` if it is left out.
    pub runtime: Option<String>,
}

impl Application {
    /// The group that may work in its tables.
    pub(crate) fn runtime(&self) -> String {
        self.runtime.clone().unwrap_or_else(|| format!("{}_rt", self.target.database()))
    }
}

/// What work needs.
#[derive(Clone, Debug)]
pub(crate) struct Workshop(Arc<Inner>);

struct Inner {
    db: Db,
    secret: Secret,
    applications: BTreeMap<String, Application>,
    wake: Notify,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("applications", &self.applications).finish_non_exhaustive()
    }
}

impl Workshop {
    pub(crate) fn new(db: Db, secret: Secret, applications: BTreeMap<String, Application>) -> Self {
        Self(Arc::new(Inner { db, secret, applications, wake: Notify::new() }))
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0.secret
    }

    /// The login of a database, if this process was given it.
    pub(crate) fn application(&self, name: &str) -> Result<&Application, Error> {
        self.0.applications.get(name).ok_or_else(|| {
            let detail = format!("this control plane has no login for the database `{name}`");
            Error::new(Code::Unavailable, detail).because_text(format!("[control.databases.{name}] is missing"))
        })
    }

    /// Names of the databases it has logins for.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.applications.keys().cloned().collect()
    }

    /// There is something to do.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Until somebody says that there is.
    async fn woken(&self) {
        self.0.wake.notified().await;
    }
}

/// What kind of work a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A tenant gets its place.
    Provision,
    /// A tenant goes for good.
    Erase,
    /// A database is made ahead.
    Warm,
    /// The application's schema of one tenant changes.
    Migrate,
    /// A tenant's login follows the tenant's state.
    Access,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Erase => "erase",
            Self::Warm => "warm",
            Self::Migrate => "migrate",
            Self::Access => "access",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Provision, Self::Erase, Self::Warm, Self::Migrate, Self::Access];
        all.into_iter().find(|k| k.as_str() == text)
    }

    /// What the audit log calls who does it.
    fn actor(self) -> Actor {
        Actor::task(match self {
            Self::Provision => "provisioning",
            Self::Erase => "erasing",
            Self::Warm => "warming",
            Self::Migrate => "fleet",
            Self::Access => "access",
        })
    }
}

/// A task on loan.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: Uuid,
    pub(crate) kind: Kind,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) subject: Option<Uuid>,
    pub(crate) version: Option<String>,
    pub(crate) step: String,
    pub(crate) attempts: i32,
    pub(crate) failure: Option<String>,
    pub(crate) data: Value,
    lease: Uuid,
}

/// What came of a step.
#[derive(Debug)]
pub(crate) enum Done {
    /// This step is next; recorded by the runner.
    Next(&'static str),
    /// The step has recorded in its own transaction that the task is at its end.
    Recorded,
}

impl Task {
    /// Its tenant.
    pub(crate) fn tenant(&self) -> Result<TenantId, Error> {
        self.tenant.ok_or_else(|| Error::bug("find the tenant of a task"))
    }

    fn granted(&self) -> Result<Granted, Error> {
        on_platform(&self.kind.actor(), Permission::DatabaseManage)
    }

    /// Begins the transaction in which a step is recorded with what it means for the tenant.
    pub(crate) async fn change(&self, shop: &Workshop) -> Result<Change, Error> {
        Change::begin(shop.db(), self.granted()?, Context::default(), None).await
    }

    /// Records inside a change that this was the last step. Fails if the task is somebody else's by now.
    pub(crate) async fn end(&self, change: &Change, failure: Option<&str>) -> Result<(), Error> {
        match store::end(change.tx(), self, failure).await? {
            true => Ok(()),
            false => Err(lost()),
        }
    }
}

/// The loan is over, and somebody else goes on.
pub(crate) fn lost() -> Error {
    Error::new(Code::Busy, "another control plane goes on with this")
}

/// Why a step did not work, in words that may be shown: what the database said, and no value of a row.
pub(crate) fn reason(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(|c| format!(": {c}")).unwrap_or_default();
    format!("{error}{cause}").chars().filter(|c| !c.is_control()).take(500).collect()
}
