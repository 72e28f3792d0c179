//! Events for others (CloudEvents), written in the transaction of the change they tell of: who reads them later tells
//! of nothing that did not happen, and leaves nothing out.

use serde_json::Value;
use uuid::Uuid;

use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

statements! {
    INSERT: "write the event" =
        "INSERT INTO tenantry_control.outbox (id, source, type, subject, tenant_id, data, distributed_at)
         VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN now() END)";
}

/// Who speaks, in every event.
const SOURCE: &str = "/tenantry/control";

/// What happened.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// `tenantry.tenant.created` and its kin.
    pub kind: &'static str,
    /// What it is about.
    pub subject: Option<String>,
    /// Whose matter it is.
    pub tenant: Option<TenantId>,
    /// The rest.
    pub data: Value,
}

/// Writes an event into the transaction, and gives its id. One that `is_told` already is for whom the caller says alone.
pub(crate) async fn emit(tx: &mut Tx, event: Event, is_told: bool) -> Result<Uuid, Error> {
    let id = Uuid::now_v7();
    let tenant = event.tenant.map(|t| t.0);
    tx.execute(&INSERT, &[&id, &SOURCE, &event.kind, &event.subject, &tenant, &event.data, &is_told]).await?;
    Ok(id)
}
