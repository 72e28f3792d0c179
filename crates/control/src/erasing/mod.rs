//! What becomes of a deleted tenant when its time of grace is over: its rows, schema or database go, then what the
//! control plane knows of it; a line stays that says it was, and what was erased.
//!
//! From `erasing` on there is no way back. Steps: `count` (written down before anything goes), `remove`, `check`
//! (counted again, where the tenant lived), `forget`. The id is never given again; the slug rests from the end of the
//! erasure on, so nobody gets it while anything of the old tenant is left.

pub(crate) mod http;
mod rows;
mod separate;
pub(crate) mod store;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::access::{Actor, Permission, on_platform};
use crate::audit::{Context, Entry, Severity};
use crate::change::Change;
use crate::databases::Strategy;
use crate::db::Scope;
use crate::error::Error;
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::placing::{self, Placement};
use crate::tenants::{self, SLUG_REST_DAYS};
use crate::work::{Application, Done, Kind, Task, Workshop, hands, store as work};

const COUNT: &str = "count";
const REMOVE: &str = "remove";
const CHECK: &str = "check";
const FORGET: &str = "forget";
const ACTOR: &str = "task:erasing";

/// What was erased from one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Erased {
    /// Where: the registered database's name, or `control`.
    pub(crate) place: String,
    /// The table.
    pub(crate) table: String,
    /// The tenant's rows before.
    pub(crate) before: i64,
    /// And after: what is left then belongs to no tenant, and is everybody's to see.
    pub(crate) after: Option<i64>,
}

/// Turns deleted tenants whose time is over into work. True if there are any.
pub(crate) async fn due(shop: &Workshop) -> Result<bool, Error> {
    let tx = shop.db().read(Scope::Platform, ACTOR).await?;
    let due = store::due(&tx, &shop.names()).await?;
    tx.commit().await?;
    for id in &due {
        let granted = on_platform(&Actor::task("erasing"), Permission::TenantDelete)?;
        let mut change = Change::begin(shop.db(), granted, Context::default(), None).await?;
        let tenant = tenants::store::lock(&change, *id).await?;
        // who was restored meanwhile lives on
        if !store::is_due(change.tx(), *id).await? {
            continue;
        }
        let placement = placing::store::read(change.tx(), *id).await?;
        store::begin(change.tx(), *id, &tenant.isolation_strategy).await?;
        let new = work::New {
            kind: Kind::Erase,
            tenant: Some(*id),
            subject: None,
            database: placement.map(|p| p.database_id),
            version: None,
            step: COUNT,
            data: json!({}),
        };
        work::add(change.tx(), &new).await?;
        tenants::settle(&change, tenant, "erasing", None).await?;
        change.publishes();
        let entry = Entry::done("TENANT_ERASURE_BEGUN", Severity::High, Some(*id)).to("tenant", id);
        change.audit(entry).await?;
        change.commit(Reply::empty(axum::http::StatusCode::NO_CONTENT)).await?;
    }
    Ok(!due.is_empty())
}

/// Does one step.
pub(crate) async fn step(shop: &Workshop, task: &Task) -> Result<Done, Error> {
    let tenant = task.tenant()?;
    if task.step == FORGET {
        return forget(shop, task).await;
    }
    let tx = shop.db().read(Scope::Platform, ACTOR).await?;
    let placement = placing::store::read(&tx, tenant).await?;
    let databases = match &placement {
        Some(p) => vec![p.database.clone()],
        None => store::shared(&tx).await?,
    };
    let mut proof = store::proof(&tx, tenant).await?;
    tx.commit().await?;
    let own = placement.as_ref().filter(|p| p.strategy != Strategy::Shared);
    for name in databases {
        let place = Place { name: &name, application: shop.application(&name)?, tenant, own };
        match task.step.as_str() {
            COUNT => {
                let counted = place.count().await?;
                proof.retain(|e| e.place != name);
                proof.extend(counted.into_iter().map(|(table, before)| place.entry(table, before)));
            }
            REMOVE => place.remove().await?,
            _ => {
                let left = place.count().await?;
                for entry in proof.iter_mut().filter(|e| e.place == name) {
                    let rows = left.iter().find(|(table, _)| *table == entry.table);
                    entry.after = Some(rows.map_or(0, |(_, rows)| *rows));
                }
            }
        }
    }
    let tx = shop.db().write(Scope::Platform, ACTOR).await?;
    store::keep_proof(&tx, tenant, &proof).await?;
    tx.commit().await?;
    Ok(Done::Next(match task.step.as_str() {
        COUNT => REMOVE,
        REMOVE => CHECK,
        _ => FORGET,
    }))
}

/// A database in which something of the tenant is.
struct Place<'a> {
    name: &'a str,
    application: &'a Application,
    tenant: TenantId,
    /// Its own schema or database; none for rows of shared tables.
    own: Option<&'a Placement>,
}

impl Place<'_> {
    fn entry(&self, table: String, before: i64) -> Erased {
        Erased { place: self.name.to_owned(), table, before, after: None }
    }

    async fn count(&self) -> Result<Vec<(String, i64)>, Error> {
        match self.own {
            Some(own) => separate::count(self.application, own).await,
            None => rows::Rows::open(self.application, self.tenant).await?.count().await,
        }
    }

    async fn remove(&self) -> Result<(), Error> {
        match self.own {
            Some(own) => {
                let client = hands::open(self.application, self.tenant.0).await?;
                placing::place::remove(&client, own).await?;
                client.close().await;
                Ok(())
            }
            None => rows::Rows::open(self.application, self.tenant).await?.remove().await,
        }
    }
}

/// The control plane's own rows, and the end: all in one transaction, with the proof in the audit log.
async fn forget(shop: &Workshop, task: &Task) -> Result<Done, Error> {
    let id = task.tenant()?;
    let mut change = task.change(shop).await?;
    let tenant = tenants::store::lock(&change, id).await?;
    let mut proof = store::proof(change.tx(), id).await?;
    for (table, rows) in store::forget(change.tx(), id).await? {
        proof.push(Erased { place: "control".to_owned(), table, before: rows, after: Some(0) });
    }
    store::keep_proof(change.tx(), id, &proof).await?;
    store::end(change.tx(), id, SLUG_REST_DAYS).await?;
    task.end(&change, None).await?;
    change.publishes();
    let entry = Entry::done("TENANT_ERASED", Severity::Critical, Some(id)).to("tenant", id);
    let more = json!({ "isolationStrategy": tenant.isolation_strategy, "erased": proof });
    change.audit(entry.with(more)).await?;
    change.emit(tenants::event_of("tenantry.tenant.erased", &store::line(change.tx(), id).await?)).await?;
    change.commit(Reply::empty(axum::http::StatusCode::NO_CONTENT)).await?;
    Ok(Done::Recorded)
}
