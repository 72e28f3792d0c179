//! Databases that are made ahead, so that a tenant need not wait for a copy: `copy` makes one, `drop` takes one away
//! that is too many, or of a template that has changed since.

use serde_json::json;
use tenantry_model::Ident;
use uuid::Uuid;

use super::{place, store};
use crate::databases::store as databases;
use crate::db::Scope;
use crate::error::Error;
use crate::work::{Done, Kind, Task, Workshop, hands, store as work};

const COPY: &str = "copy";
const DROP: &str = "drop";
const ACTOR: &str = "task:warming";

/// Writes down what is missing, and what is too much. True if there is something to do.
pub(crate) async fn wanted(shop: &Workshop) -> Result<bool, Error> {
    let names = shop.names();
    if names.is_empty() {
        return Ok(false);
    }
    let tx = shop.db().write(Scope::Platform, ACTOR).await?;
    let mut any = false;
    for (database, template, missing) in store::wanted(&tx, &names).await? {
        for _ in 0..missing.max(0) {
            let id = Uuid::now_v7();
            store::add_warm(&tx, id, database, &format!("w_{}", id.simple()), &template).await?;
            any |= work::add(&tx, &task(id, database, COPY)).await?;
        }
        for id in store::surplus(&tx, database).await? {
            if store::set_unready(&tx, id).await? {
                any |= work::add(&tx, &task(id, database, DROP)).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(any)
}

fn task(id: Uuid, database: Uuid, step: &'static str) -> work::New<'static> {
    let (tenant, version) = (None, None);
    work::New { kind: Kind::Warm, tenant, subject: Some(id), database: Some(database), version, step, data: json!({}) }
}

/// Does one step.
pub(crate) async fn step(shop: &Workshop, task: &Task) -> Result<Done, Error> {
    let id = task.subject.ok_or_else(|| Error::bug("find the subject of a task"))?;
    let tx = shop.db().read(Scope::Platform, ACTOR).await?;
    let warm = store::read_warm(&tx, id).await?.ok_or_else(|| Error::bug("find a database that is made ahead"))?;
    let database = databases::read(&tx, warm.database).await?.ok_or_else(|| Error::bug("find its server"))?;
    tx.commit().await?;
    let name = Ident::new(warm.name).map_err(|e| Error::bug("use a database's name").because(e))?;
    let client = hands::open(shop.application(&database.name)?, id).await?;
    let wanted = database.template_database.as_ref() == Some(&warm.template) && !database.drained;
    let version = match task.step.as_str() {
        COPY if wanted => Some(place::copy_database(&client, &warm.template, &name).await?),
        _ => {
            place::drop_database(&client, &name).await?;
            None
        }
    };
    client.close().await;
    let tx = shop.db().write(Scope::Platform, ACTOR).await?;
    match version {
        Some(version) => store::set_ready(&tx, id, version.as_deref()).await?,
        None => store::drop_warm(&tx, id).await?,
    }
    let ended = work::end(&tx, task, None).await?;
    if !ended {
        return Err(crate::work::lost());
    }
    tx.commit().await?;
    Ok(Done::Recorded)
}
