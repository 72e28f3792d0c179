//! From a decision to the application's database. The order makes it safe to die anywhere:
//!
//! 1. the decision and its number are put into the transaction of the change;
//! 2. the limits are put into a transaction of the application's database, which may refuse them: then nothing of both
//!    is kept, and the caller hears why;
//! 3. the change is committed: from here on the keeper writes what is decided, whatever happens to us;
//! 4. the application's database commits;
//! 5. the number is noted as written.
//!
//! Whoever writes a tenant's limits first takes a lock for it in the application's database, and holds it until its
//! commit: so what is written last is what was decided last.

use jiff::Timestamp;

use super::ledger::{AppTx, Ledger};
use super::{Basis, Source, counters, store};
use crate::ablation::{Moment, moment};
use crate::change::Change;
use crate::db::{Scope, Tx};
use crate::error::{Code, Error};
use crate::http::Api;
use crate::ids::TenantId;

/// How long the keeper leaves a decision to the request that made it, in seconds.
const LEFT_TO_REQUEST: f64 = 5.0;

/// How soon a decision must be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// With the request, if the application's database answers; what it refuses is refused.
    Now,
    /// By the keeper, in a moment.
    Soon,
}

/// A decision on its way. [`Decided::write`] follows the commit of the change.
#[derive(Debug)]
#[must_use = "it is written after the change is committed"]
pub(crate) struct Decided {
    api: Api,
    tenant: TenantId,
    number: i64,
    /// In the application's database, uncommitted.
    put: Option<AppTx>,
}

/// Decides about a tenant's limits as they follow from what the change has written.
pub(crate) async fn decide(api: &Api, change: &Change, tenant: TenantId, urgency: Urgency) -> Result<Decided, Error> {
    let tx = change.tx();
    let parent = store::basis(tx, tenant).await?.ok_or_else(Error::not_found)?.parent;
    if let Some(parent) = parent {
        // those above before those below: everybody waits in one order
        store::hold(tx, parent).await?;
    }
    let now = urgency == Urgency::Now && api.quotas().application().is_some_and(|a| !a.is_away());
    let number = store::decide(tx, tenant, if now { LEFT_TO_REQUEST } else { 0.0 }).await?;
    let basis = store::basis(tx, tenant).await?.ok_or_else(Error::not_found)?;
    gives_no_more_than_it_has(tx, &basis).await?;
    if let Some(parent) = parent {
        let above = store::basis(tx, parent).await?.ok_or_else(Error::not_found)?;
        gives_no_more_than_it_has(tx, &above).await?;
    }
    moment(Moment::Decided);
    let put = match api.quotas().application().filter(|_| now) {
        Some(application) => match put(application, &basis).await {
            Ok(tx) => Some(tx),
            Err(error) if matches!(error.code, Code::QuotaExceeded | Code::Invalid) => {
                let detail = "the application's database refuses this limit: more is used, reserved or given on by the \
                              tenant, or the tenant above has not so much left to give";
                return Err(Error::new(Code::StateConflict, detail).because(error));
            }
            Err(error) => {
                tracing::warn!("the limits of {tenant} are written later: {error}");
                None
            }
        },
        None => None,
    };
    moment(Moment::Put);
    Ok(Decided { api: api.clone(), tenant, number, put })
}

impl Decided {
    /// Writes it; whether it is written. What is not, the keeper writes.
    pub(crate) async fn write(self) -> bool {
        moment(Moment::Committed);
        let Some(tx) = self.put else {
            self.api.quotas().wake();
            return false;
        };
        if let Err(error) = tx.commit().await {
            tracing::warn!("the limits of {} are written later: {error}", self.tenant);
            self.api.quotas().wake();
            return false;
        }
        moment(Moment::Written);
        let noted = async {
            let tx = self.api.db().write(Scope::Platform, "task:quota keeper").await?;
            store::written(&tx, self.tenant, self.number).await?;
            tx.commit().await
        };
        if let Err(error) = noted.await {
            // the keeper writes the same once more
            tracing::warn!("the limits of {} are written, which could not be noted: {error}", self.tenant);
        }
        true
    }
}

/// Puts a tenant's limits into a transaction of the application's database.
pub(super) async fn put(application: &Ledger, basis: &Basis) -> Result<AppTx, Error> {
    let tx = application.begin().await?;
    counters::alone(&tx, basis.tenant).await?;
    let (there, now) = (counters::usage(&tx, basis.tenant).await?, Timestamp::now());
    let defaults = counters::resources(&tx).await?;
    for resource in &defaults {
        let Some(counter) = there.get(&resource.name) else { continue };
        let limit = basis.limit(&resource.name, resource.default);
        let parent = basis.parent.filter(|_| limit.source == Source::Given);
        let is_so = match limit.source {
            Source::Default => !counter.chosen && counter.parent.is_none(),
            _ => counter.chosen && counter.max == limit.max && counter.parent == parent,
        };
        if !is_so {
            counters::set(&tx, basis.tenant, &resource.name, limit, parent).await?;
        }
        let window = basis.window(&resource.name, now).filter(|_| limit.max.is_some());
        // the database keeps a time of grace that is over; it means nothing there
        let there = counter.grace.filter(|(_, until)| *until > now);
        if there.map(|(p, until)| (p, until.as_microsecond())) != window.map(|(p, until)| (p, until.as_microsecond())) {
            counters::grace(&tx, basis.tenant, &resource.name, window).await?;
        }
    }
    Ok(tx)
}

/// A tenant's limits hold what it gave to those below it.
async fn gives_no_more_than_it_has(tx: &Tx, basis: &Basis) -> Result<(), Error> {
    let given = store::given(tx, basis.tenant).await?;
    if given.is_empty() {
        return Ok(());
    }
    let resources = store::resources(tx).await?;
    for (name, units) in given {
        let default = resources.iter().find(|r| r.name == name).and_then(|r| r.default);
        let Some(max) = basis.limit(&name, default).max else { continue };
        if units > max {
            let detail = format!(
                "{units} of {name} would be given to tenants below one whose limit is {max}: give less, or raise that \
                 limit first"
            );
            return Err(Error::new(Code::StateConflict, detail));
        }
    }
    Ok(())
}
