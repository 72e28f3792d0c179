//! The fleet: every tenant with a schema or database of its own, and the version of the application's schema there.
//!
//! A migration is SQL of the application, run in each of these places and in the templates that new ones are copied
//! from. It runs in one transaction with the note of its version, kept in the place itself: killed anywhere, a place
//! has the one version or the other, and says which. After so many failures no other place is begun, until somebody
//! lets it go on.

pub(crate) mod http;
mod place;
pub(crate) mod store;

use serde_json::json;

use crate::access::{Actor, Permission, on_platform};
use crate::audit::{Context, Entry, Severity};
use crate::change::Change;
use crate::db::Scope;
use crate::error::{Code, Error};
use crate::http::reply::Reply;
use crate::placing::{self, store as placements};
use crate::work::{Done, Task, Workshop};

/// A place could not be migrated.
pub(crate) const FAILED: &str = "failed";
const ACTOR: &str = "task:fleet";

/// Looks after the migration under way: places that came meanwhile, its end. True if there is something to do.
pub(crate) async fn wanted(shop: &Workshop) -> Result<bool, Error> {
    let tx = shop.db().read(Scope::Platform, ACTOR).await?;
    let running = store::running(&tx).await?;
    tx.commit().await?;
    let Some(version) = running else { return Ok(false) };
    let granted = on_platform(&Actor::task("fleet"), Permission::DatabaseManage)?;
    let mut change = Change::begin(shop.db(), granted, Context::default(), None).await?;
    let Some(counts) = store::lock(change.tx(), &version).await?.filter(|c| c.state == "running") else {
        return Ok(false);
    };
    if counts.open > 0 {
        return Ok(false);
    }
    if store::add_places(change.tx(), &version).await? > 0 {
        change
            .audit(Entry::done("FLEET_MIGRATION_EXTENDED", Severity::Low, None).to("fleetMigration", &version))
            .await?;
        change.commit(Reply::empty(axum::http::StatusCode::NO_CONTENT)).await?;
        return Ok(true);
    }
    if store::is_provisioning(change.tx()).await? {
        return Ok(false);
    }
    let state = if counts.failed > 0 { "stopped" } else { "done" };
    store::set_state(change.tx(), &version, state).await?;
    let entry = Entry::done("FLEET_MIGRATION_ENDED", Severity::High, None).to("fleetMigration", &version);
    change.audit(entry.with(json!({ "state": state, "failed": counts.failed }))).await?;
    change.commit(Reply::empty(axum::http::StatusCode::NO_CONTENT)).await?;
    Ok(false)
}

/// Migrates one place, or notes that it could not be.
pub(crate) async fn step(shop: &Workshop, task: &Task) -> Result<Done, Error> {
    let version = task.version.as_deref().ok_or_else(|| Error::bug("find the version of a task"))?;
    if task.step == FAILED {
        return fail(shop, task, version).await;
    }
    let tx = shop.db().read(Scope::Platform, ACTOR).await?;
    let sql = store::sql(&tx, version).await?;
    match task.tenant {
        Some(tenant) => {
            let placement = placements::read(&tx, tenant).await?;
            tx.commit().await?;
            // who was erased meanwhile has no place
            if let Some(placement) = placement {
                let application = shop.application(&placement.database)?;
                place::tenant(application, &placement, version, &sql).await?;
                let tx = shop.db().write(Scope::Platform, ACTOR).await?;
                placing::store::set_version(&tx, tenant, Some(version)).await?;
                tx.commit().await?;
            }
        }
        None => {
            let id = task.subject.ok_or_else(|| Error::bug("find the subject of a task"))?;
            let database = crate::databases::store::read(&tx, id).await?;
            tx.commit().await?;
            if let Some(database) = database {
                place::templates(shop.application(&database.name)?, &database, version, &sql).await?;
                let tx = shop.db().write(Scope::Platform, ACTOR).await?;
                store::set_template_version(&tx, id, version).await?;
                tx.commit().await?;
            }
        }
    }
    let granted = on_platform(&Actor::task("fleet"), Permission::DatabaseManage)?;
    let mut change = Change::begin(shop.db(), granted, Context::default(), None).await?;
    task.end(&change, None).await?;
    let entry = Entry::done("FLEET_PLACE_MIGRATED", Severity::Low, task.tenant).to("fleetMigration", version);
    change.audit(entry).await?;
    change.commit(Reply::empty(axum::http::StatusCode::NO_CONTENT)).await?;
    Ok(Done::Recorded)
}

async fn fail(shop: &Workshop, task: &Task, version: &str) -> Result<Done, Error> {
    let mut change = task.change(shop).await?;
    // counted by one at a time
    let counts = store::lock(change.tx(), version).await?.ok_or_else(|| Error::bug("find a migration"))?;
    task.end(&change, Some(task.failure.as_deref().unwrap_or("it failed"))).await?;
    let stops = counts.state == "running" && counts.failed + 1 >= i64::from(counts.stop_after);
    if stops {
        store::set_state(change.tx(), version, "stopped").await?;
    }
    let mut entry = Entry::done("FLEET_PLACE_FAILED", Severity::High, task.tenant).to("fleetMigration", version);
    entry.outcome = crate::audit::Outcome::Failure;
    change.audit(entry.with(json!({ "reason": task.failure, "stopped": stops }))).await?;
    change.commit(Reply::empty(axum::http::StatusCode::NO_CONTENT)).await?;
    Ok(Done::Recorded)
}

/// A version's name.
fn check_version(version: &str) -> Result<(), Error> {
    let fits = (1..=100).contains(&version.len())
        && version.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && version.as_bytes()[0].is_ascii_alphanumeric()
        && version != "none";
    match fits {
        true => Ok(()),
        false => {
            Err(Error::field("version", "give 1 to 100 letters, digits, `.`, `_` and `-`, a letter or digit first"))
        }
    }
}

fn state_conflict(state: &str, wanted: &str) -> Error {
    Error::new(Code::StateConflict, format!("the migration is {state}: only one that is {wanted} can be"))
}
