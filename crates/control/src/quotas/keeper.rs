//! The task that does what nobody waits for: writes limits that are not written, tells who is near a limit, gives back
//! what expired, and keeps the history. One round is one function, so that tests do it when they want.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Notify;

use super::ledger::Ledger;
use super::levels::{Near, Step, steps};
use super::memory::Memory;
use super::noted::{Noted, Refused};
use super::{counters, history, percent, store, write};
use crate::access::{Actor, Permission, on_platform};
use crate::audit::{Context, Entry, Outcome, Severity};
use crate::change::Change;
use crate::db::Scope;
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::outbox::Event;

/// How often limits that are not written are looked for, unless somebody wakes the keeper.
const WRITE_EVERY: Duration = Duration::from_secs(2);
/// How often everybody's use is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How often the day's use is noted.
const NOTE_EVERY: Duration = Duration::from_secs(15 * 60);
/// Most tenants written in a round, so that warnings do not wait for the change of a large plan.
const WRITTEN_MAX: usize = 1_000;
/// Its name in the audit log.
const NAME: &str = "quota keeper";

/// What requests and the keeper share.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    application: Option<Ledger>,
    pub(super) noted: Noted,
    pub(super) memory: Option<Memory>,
    work: Notify,
}

impl Quotas {
    /// With validations from memory, unless their age is zero.
    pub(crate) fn new(application: Option<Ledger>, age: Duration) -> Self {
        Self { application, memory: Memory::of_age(age), ..Self::default() }
    }

    /// The application's database, where one is named.
    pub(crate) fn application(&self) -> Option<&Ledger> {
        self.application.as_ref()
    }

    /// There is something to write.
    pub(crate) fn wake(&self) {
        self.work.notify_one();
    }
}

/// What of a round's work is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Everybody's use is looked at.
    pub(crate) look: bool,
    /// The day's use is noted.
    pub(crate) note: bool,
}

/// Keeps quotas for as long as the API lives.
pub(crate) async fn run(api: Api) {
    if api.quotas().application().is_none() {
        return;
    }
    let (mut looked, mut noted): (Option<Instant>, Option<Instant>) = (None, None);
    // what goes wrong again and again is said once
    let mut said = String::new();
    loop {
        let is_due = |last: Option<Instant>, every| last.is_none_or(|at| at.elapsed() >= every);
        let due = Due { look: is_due(looked, LOOK_EVERY), note: is_due(noted, NOTE_EVERY) };
        match round(&api, due).await {
            Ok(()) => {
                looked = if due.look { Some(Instant::now()) } else { looked };
                noted = if due.note { Some(Instant::now()) } else { noted };
                said.clear();
            }
            Err(error) if error.to_string() == said => tracing::debug!("quotas are not kept: {error}"),
            Err(error) => {
                said = error.to_string();
                let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!("quotas are not kept until this is over: {error} ({why})");
            }
        }
        // whichever comes first; a wake that came meanwhile is not lost
        let _ = tokio::time::timeout(WRITE_EVERY, api.quotas().work.notified()).await;
    }
}

/// One round. What fails is tried again in the next.
pub(crate) async fn round(api: &Api, due: Due) -> Result<(), Error> {
    let Some(application) = api.quotas().application() else { return Ok(()) };
    let noted = api.quotas().noted.take();
    for ((tenant, resource), refused) in noted.refused {
        tell_refused(api, tenant, &resource, &refused).await?;
    }
    if due.look {
        learn_resources(api, application).await?;
    }
    write_all(api, application).await?;
    if due.look {
        sweep(application).await?;
        look(api, application, None).await?;
    } else if !noted.near.is_empty() {
        look(api, application, Some(noted.near)).await?;
    }
    if due.note {
        history::note(api, application).await?;
    }
    Ok(())
}

/// Writes what is decided and not written, one tenant after the other.
async fn write_all(api: &Api, application: &Ledger) -> Result<(), Error> {
    for _ in 0..WRITTEN_MAX {
        let tx = api.db().write(Scope::Platform, "task:quota keeper").await?;
        let Some(tenant) = store::next(&tx).await? else { return Ok(()) };
        let Some(basis) = store::basis(&tx, tenant).await? else { return Ok(()) };
        let written = match write::put(application, &basis).await {
            Ok(put) => put.commit().await,
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => store::written(&tx, tenant, basis.decided).await?,
            Err(error) => {
                tracing::warn!("the limits of {tenant} are not written: {error}");
                store::failed(&tx, tenant, &error.to_string()).await?;
                if error.code == Code::Unavailable {
                    // it is not this tenant's fault, and the next would fare no better
                    tx.commit().await?;
                    return Err(error);
                }
            }
        }
        tx.commit().await?;
    }
    // there may be more
    api.quotas().wake();
    Ok(())
}

/// Keeps the list of resources. Where it changed, everybody's limits are written anew.
async fn learn_resources(api: &Api, application: &Ledger) -> Result<(), Error> {
    let asked = application.begin().await?;
    let seen = counters::resources(&asked).await?;
    asked.commit().await?;
    let tx = api.db().write(Scope::Platform, "task:quota keeper").await?;
    let known = store::resources(&tx).await?;
    if known != seen {
        store::keep_resources(&tx, &seen).await?;
        store::everybody(&tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn sweep(application: &Ledger) -> Result<(), Error> {
    let tx = application.begin().await?;
    let expired = counters::sweep(&tx).await?;
    tx.commit().await?;
    if expired > 0 {
        tracing::info!("{expired} reservations expired");
    }
    Ok(())
}

/// Looks who came near a limit or went away from one: these tenants, or all.
async fn look(api: &Api, application: &Ledger, only: Option<BTreeSet<TenantId>>) -> Result<(), Error> {
    let asked = application.begin().await?;
    let mut near = Vec::new();
    match &only {
        None => near = counters::near(&asked).await?,
        Some(tenants) => {
            for tenant in tenants {
                let counters = counters::usage(&asked, *tenant).await?;
                near.extend(
                    counters.into_iter().filter_map(|(resource, c)| {
                        Some(Near { tenant: *tenant, resource, held: c.held(), max: c.max? })
                    }),
                );
            }
        }
    }
    asked.commit().await?;
    let ids = only.map(|tenants| tenants.iter().map(|t| t.0).collect::<Vec<_>>());
    let tx = api.db().read(Scope::Platform, "task:quota keeper").await?;
    let known = store::levels(&tx, ids.as_deref()).await?;
    tx.commit().await?;
    for step in steps(&known, near) {
        match step {
            Step::Up { near, level } => tell_near(api, &near, level).await?,
            Step::Down { tenant, resource, level } => {
                let tx = api.db().write(Scope::Platform, "task:quota keeper").await?;
                if store::down(&tx, tenant, &resource, level).await? {
                    store::decide(&tx, tenant, 0.0).await?;
                    api.quotas().wake();
                }
                tx.commit().await?;
            }
        }
    }
    Ok(())
}

async fn begin(api: &Api) -> Result<Change, Error> {
    let granted = on_platform(&Actor::task(NAME), Permission::QuotaManage)?;
    Change::begin(api.db(), granted, Context::default(), None).await
}

/// Tells that a tenant came nearer to a limit, once, whoever of several keepers saw it first.
async fn tell_near(api: &Api, near: &Near, level: i16) -> Result<(), Error> {
    let mut change = begin(api).await?;
    let Some(grace_until) = store::up(change.tx(), near.tenant, &near.resource, level).await? else { return Ok(()) };
    if grace_until.is_some() {
        // the time of grace is part of what is written
        store::decide(change.tx(), near.tenant, 0.0).await?;
    }
    let data = json!({ "workspaceId": near.tenant, "resourceType": near.resource, "threshold": level,
        "currentUsage": near.held, "limit": near.max, "percentUsed": percent(near.held, Some(near.max)),
        "graceUntil": grace_until });
    let (action, severity, kind) = match level {
        100 => ("QUOTA_EXCEEDED", Severity::High, "tenantry.quota.exceeded"),
        95 => ("QUOTA_WARNING", Severity::High, "tenantry.quota.warning"),
        _ => ("QUOTA_WARNING", Severity::Medium, "tenantry.quota.warning"),
    };
    let entry = Entry::done(action, severity, Some(near.tenant)).to("quota", &near.resource);
    change.audit(entry.with(data.clone())).await?;
    let subject = Some(format!("{}/{}", near.tenant, near.resource));
    change.emit(Event { kind, subject, tenant: Some(near.tenant), data }).await?;
    change.commit(Reply::empty(axum::http::StatusCode::NO_CONTENT)).await?;
    if grace_until.is_some() {
        api.quotas().wake();
    }
    Ok(())
}

/// Writes into the audit log that a tenant was refused, and how often since the last time.
async fn tell_refused(api: &Api, tenant: TenantId, resource: &str, refused: &Refused) -> Result<(), Error> {
    let mut change = begin(api).await?;
    let mut entry = Entry::done("QUOTA_EXCEEDED", Severity::Medium, Some(tenant)).to("quota", resource);
    entry.outcome = Outcome::Denied;
    let metadata = json!({ "resourceType": resource, "currentUsage": refused.held, "limit": refused.limit,
        "requested": refused.requested, "count": refused.count });
    change.audit(entry.with(metadata)).await?;
    change.commit(Reply::empty(axum::http::StatusCode::NO_CONTENT)).await.map(drop)
}
