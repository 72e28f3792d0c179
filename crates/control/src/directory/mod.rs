//! What gateway and proxy must know of tenants, in the form of the directory file (docs/reference/directory.md): who
//! there is, in what state, and what checks their keys. The edge and we agree on that form alone.
//!
//! It is read in one snapshot of what is committed, so nothing is published before its transaction is. Each transaction
//! that changes it counts the generation up as its last statement: whoever sees the number sees the change.

use jiff::Timestamp;
use serde::Serialize;
use tenantry_model::KeyKind;

use crate::db::{Db, Scope, Tx, statements};
use crate::error::Error;

statements! {
    NEXT: "count the directory up" =
        "UPDATE tenantry_control.directory_state SET generation = generation + 1";
    GENERATION: "look whether the directory changed" =
        "SELECT generation FROM tenantry_control.directory_state";
    // who is being made, could not be made, or is erased, is not there
    READ: "read the directory" =
        "SELECT (SELECT generation FROM tenantry_control.directory_state), t.key, t.slug, t.plan,
                CASE t.status WHEN 'erasing' THEN 'deleted' ELSE t.status END,
                k.id, k.verifier, k.expires_at, t.isolation_strategy
         FROM tenantry_control.tenant t
         LEFT JOIN tenantry_control.api_key k ON k.tenant_id = t.id AND k.verifier IS NOT NULL
             AND k.revoked_at IS NULL AND coalesce(k.expires_at > now(), true)
         WHERE t.status IN ('active', 'suspended', 'deleted', 'erasing')
         ORDER BY t.id, k.created_at, k.id";
}

/// A directory as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its number; a later one has a higher one.
    pub generation: i64,
    /// The directory file, as JSON.
    pub text: String,
    /// Tenants in it.
    pub tenants: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    format: u32,
    key_kind: KeyKind,
    plans: std::collections::BTreeMap<String, Plan>,
    tenants: Vec<Entry>,
}

/// What a plan allows is not decided here yet: the name alone.
#[derive(Serialize)]
struct Plan {}

#[derive(Serialize)]
struct Entry {
    key: String,
    slug: String,
    plan: String,
    state: String,
    #[serde(skip_serializing_if = "is_shared")]
    isolation: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    credentials: Vec<Credential>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    id: String,
    verifier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// What most are is not written down.
fn is_shared(isolation: &str) -> bool {
    isolation == "shared"
}

/// Counts the directory up; the last statement of a transaction that changes it.
pub(crate) async fn next(tx: &Tx) -> Result<(), Error> {
    tx.execute(&NEXT, &[]).await.map(drop)
}

/// The directory, if it is another than the one of this number.
pub(crate) async fn if_changed(db: &Db, known: i64) -> Result<Option<Published>, Error> {
    let tx = db.read(Scope::Platform, "task:directory").await?;
    let generation: i64 = tx.query_one(&GENERATION, &[]).await?.get(0);
    if generation == known {
        tx.commit().await?;
        return Ok(None);
    }
    // one statement, one snapshot: the number and the rows belong together
    let rows = tx.query(&READ, &[]).await?;
    tx.commit().await?;
    let mut file = File { format: 1, key_kind: KeyKind::Uuid, plans: Default::default(), tenants: Vec::new() };
    let mut generation = generation;
    for row in &rows {
        generation = row.get(0);
        let (key, plan): (String, String) = (row.get(1), row.get(3));
        if file.tenants.last().is_none_or(|t| t.key != key) {
            file.plans.entry(plan.clone()).or_insert(Plan {});
            let entry = Entry {
                key,
                slug: row.get(2),
                plan,
                state: row.get(4),
                isolation: row.get(8),
                credentials: Vec::new(),
            };
            file.tenants.push(entry);
        }
        if let (Some(id), Some(tenant)) = (row.get::<_, Option<String>>(5), file.tenants.last_mut()) {
            tenant.credentials.push(Credential { id, verifier: row.get(6), expires_at: row.get(7) });
        }
    }
    let text = serde_json::to_string(&file).map_err(|e| Error::bug("write the directory").because(e))?;
    Ok(Some(Published { generation, text, tenants: file.tenants.len() }))
}
