//! A tenant's own login follows the tenant's state: whoever is suspended or deleted cannot log in, and is logged out.

use super::{named, place, store};
use crate::change::Change;
use crate::db::Scope;
use crate::error::Error;
use crate::ids::TenantId;
use crate::work::{Done, Task, Workshop, hands, lost, store as work};

/// Writes down that the login must follow; nothing is to do where there is none.
pub(crate) async fn follow(change: &Change, tenant: TenantId) -> Result<(), Error> {
    store::add_access(change.tx(), tenant).await
}

/// Lets the login in, or keeps it out, as the tenant's state is now.
pub(crate) async fn step(shop: &Workshop, task: &Task) -> Result<Done, Error> {
    let tenant = task.tenant()?;
    let tx = shop.db().read(Scope::Platform, "task:access").await?;
    let placement = store::read(&tx, tenant).await?;
    tx.commit().await?;
    if let Some(placement) = placement {
        let role = named(placement.role.as_ref())?;
        let client = hands::open(shop.application(&placement.database)?, tenant.0).await?;
        // asked with the lock in hand, so that of two states the later one wins
        let tx = shop.db().read(Scope::Platform, "task:access").await?;
        let status = store::status(&tx, tenant).await?;
        tx.commit().await?;
        match status.as_deref() {
            Some("active") => place::let_in(&client, &role, true).await?,
            Some("suspended" | "deleted") => place::let_in(&client, &role, false).await?,
            // it is being made or taken away, with its login
            _ => {}
        }
        client.close().await;
    }
    let tx = shop.db().write(Scope::Platform, "task:access").await?;
    if !work::end(&tx, task, None).await? {
        return Err(lost());
    }
    tx.commit().await?;
    Ok(Done::Recorded)
}
