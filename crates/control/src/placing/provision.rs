//! The steps by which a tenant gets its place: `copy` (a database is made from its template), `build` (the schema, or
//! the rights in the database), `activate`; or the way back, `undo`.

use serde_json::json;

use super::{Placement, named, place, store};
use crate::audit::{Entry, Outcome, Severity};
use crate::databases::{Database, Strategy, store as databases};
use crate::db::Scope;
use crate::error::{Code, Error};
use crate::ids::TenantId;
use crate::outbox::Event;
use crate::tenants;
use crate::work::{Done, Task, Workshop, hands};

/// A database is copied.
pub(crate) const COPY: &str = "copy";
/// The schema is made, or the database opened for its tenant.
pub(crate) const BUILD: &str = "build";
/// The tenant is let in.
const ACTIVATE: &str = "activate";
/// What was made is taken away.
pub(crate) const UNDO: &str = "undo";

/// Does one step.
pub(crate) async fn step(shop: &Workshop, task: &Task) -> Result<Done, Error> {
    let (placement, database) = read(shop, task).await?;
    let application = shop.application(&placement.database)?;
    let tenant = placement.tenant;
    match task.step.as_str() {
        COPY => {
            let client = hands::open(application, tenant.0).await?;
            let name = named(placement.own_database.as_ref())?;
            let version = place::copy_database(&client, template_of(&database)?, &name).await?;
            client.close().await;
            note(shop, tenant, version.as_deref()).await?;
            Ok(Done::Next(BUILD))
        }
        BUILD => {
            let client = hands::open(application, tenant.0).await?;
            match placement.strategy {
                Strategy::Schema => {
                    let template = database.template_schema.as_deref().ok_or_else(|| missing("templateSchema"))?;
                    let version = place::make_schema(&client, &placement, template, shop.secret()).await?;
                    note(shop, tenant, version.as_deref()).await?;
                }
                _ => place::open_database(application, &placement, template_of(&database)?, shop.secret()).await?,
            }
            client.close().await;
            Ok(Done::Next(ACTIVATE))
        }
        ACTIVATE => activate(shop, task).await,
        UNDO => {
            let client = hands::open(application, tenant.0).await?;
            place::remove(&client, &placement).await?;
            client.close().await;
            give_up(shop, task, &placement).await
        }
        _ => Err(Error::bug("know a step of provisioning")),
    }
}

/// Notes what version of the application the tenant's place is of.
async fn note(shop: &Workshop, tenant: TenantId, version: Option<&str>) -> Result<(), Error> {
    let tx = shop.db().write(Scope::Platform, "task:provisioning").await?;
    store::set_version(&tx, tenant, version).await?;
    tx.commit().await
}

fn missing(field: &str) -> Error {
    Error::new(Code::StateConflict, format!("the database has no `{field}` any more"))
}

fn template_of(database: &Database) -> Result<&str, Error> {
    database.template_database.as_deref().ok_or_else(|| missing("templateDatabase"))
}

async fn read(shop: &Workshop, task: &Task) -> Result<(Placement, Database), Error> {
    let tx = shop.db().read(Scope::Platform, "task:provisioning").await?;
    let placement = store::read(&tx, task.tenant()?).await?;
    let placement = placement.ok_or_else(|| Error::bug("find where the tenant shall live"))?;
    let database = databases::read(&tx, placement.database_id).await?;
    tx.commit().await?;
    Ok((placement, database.ok_or_else(|| Error::bug("find the database of a placement"))?))
}

/// The tenant is there, from the moment of this commit.
async fn activate(shop: &Workshop, task: &Task) -> Result<Done, Error> {
    let mut change = task.change(shop).await?;
    let tenant = tenants::store::lock(&change, task.tenant()?).await?;
    task.end(&change, None).await?;
    if tenant.status != "provisioning" {
        return Err(Error::bug("activate a tenant that is not being made"));
    }
    let id = tenant.id;
    store::set_whole(change.tx(), id).await?;
    let tenant = tenants::settle(&change, tenant, "active", None).await?;
    change.publishes();
    let entry = Entry::done("TENANT_PROVISIONED", Severity::Medium, Some(id)).to("tenant", id);
    change.audit(entry.with(json!({ "isolationStrategy": tenant.isolation_strategy }))).await?;
    change.emit(event("tenantry.tenant.provisioned", &tenant)).await?;
    change.commit(crate::http::reply::Reply::empty(axum::http::StatusCode::NO_CONTENT)).await?;
    Ok(Done::Recorded)
}

/// Nothing is left of it; the tenant says why.
async fn give_up(shop: &Workshop, task: &Task, placement: &Placement) -> Result<Done, Error> {
    let mut change = task.change(shop).await?;
    let tenant = tenants::store::lock(&change, task.tenant()?).await?;
    let why = task.failure.clone().unwrap_or_else(|| "it could not be made".to_owned());
    task.end(&change, Some(&why)).await?;
    let id = tenant.id;
    if task.data["warm"].as_bool() == Some(true) {
        // the database that was made ahead is gone: another try makes one of the usual name
        store::rename(change.tx(), id, &format!("t_{}", id.0.simple())).await?;
    }
    let tenant = tenants::settle(&change, tenant, "failed", Some(why.clone())).await?;
    let mut entry = Entry::done("TENANT_PROVISIONING_FAILED", Severity::High, Some(id)).to("tenant", id);
    entry.outcome = Outcome::Failure;
    change.audit(entry.with(json!({ "database": placement.database, "reason": why }))).await?;
    change.emit(event("tenantry.tenant.provisioning_failed", &tenant)).await?;
    change.commit(crate::http::reply::Reply::empty(axum::http::StatusCode::NO_CONTENT)).await?;
    Ok(Done::Recorded)
}

fn event(kind: &'static str, tenant: &tenants::Tenant) -> Event {
    tenants::event_of(kind, tenant)
}
