//! Where a tenant lives, and how it gets there.
//!
//! A shared tenant is there as soon as its row is: rows of shared tables need no place of their own. A tenant of
//! strategy `schema` or `database` is `provisioning` until its place is whole, and neither gateway nor proxy is told
//! of it before. A schema is owned by a role of its own that nobody logs in as; the tenant's login
//! may work in the tables and owns nothing. What could not be made is taken back, and the tenant is `failed`, with the reason.

pub(crate) mod access;
pub(crate) mod http;
pub(crate) mod place;
pub(crate) mod provision;
pub(crate) mod store;
pub(crate) mod warm;

use serde_json::json;
use tenantry_model::Ident;
use uuid::Uuid;

use crate::change::Change;
use crate::databases::{Database, Strategy, no_room, store as databases};
use crate::error::Error;
use crate::ids::TenantId;
use crate::secret::Secret;
use crate::work::{Kind, Workshop, store as work};

/// Where a tenant lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) tenant: TenantId,
    pub(crate) database_id: Uuid,
    /// Name of the registered database.
    pub(crate) database: String,
    pub(crate) strategy: Strategy,
    /// What it lives in.
    pub(crate) schema: Option<String>,
    pub(crate) own_database: Option<String>,
    /// Its login.
    pub(crate) role: Option<String>,
    /// Who owns its place.
    pub(crate) owner: Option<String>,
    /// Of the application's schema there.
    pub(crate) version: Option<String>,
}

/// A name that stands in the placement.
pub(crate) fn named(name: Option<&String>) -> Result<Ident, Error> {
    let name = name.ok_or_else(|| Error::bug("find a name in a placement"))?;
    Ident::new(name.clone()).map_err(|e| Error::bug("use a name of a placement").because(e))
}

/// What the place says of itself: whose it is, and of what version. Whatever lacks it is not ours, and not touched.
pub(crate) fn mark(tenant: TenantId, version: Option<&str>) -> String {
    format!("tenantry tenant {tenant} version {}", version.unwrap_or("none"))
}

/// The version in such a mark, if the mark is this tenant's.
pub(crate) fn version_in(mark: &str, tenant: TenantId) -> Option<Option<String>> {
    let version = mark.strip_prefix(&format!("tenantry tenant {tenant} version "))?;
    Some(Some(version.to_owned()).filter(|v| v != "none"))
}

/// The password of a tenant's login: made from the control plane's secret, and kept nowhere.
pub(crate) fn password(secret: &Secret, role: &str) -> zeroize::Zeroizing<String> {
    secret.derive("login of a tenant's own place", role)
}

/// Chooses a place for a new tenant, writes its names down, and the task that makes it. True if the tenant must wait.
pub(crate) async fn choose(
    change: &Change,
    shop: &Workshop,
    tenant: TenantId,
    strategy: Strategy,
) -> Result<bool, Error> {
    let found = databases::choose(change.tx(), strategy, &shop.names()).await?;
    let database = match (found, strategy) {
        (Some(database), _) => database,
        // whoever runs no application's database from here has shared tenants all the same
        (None, Strategy::Shared) => return Ok(false),
        (None, _) => return Err(no_room(strategy)),
    };
    let mut placement = names(shop, tenant, &database, strategy)?;
    let mut taken = None;
    if strategy == Strategy::Database {
        taken = store::take_warm(change.tx(), &database).await?;
        if let Some(warm) = &taken {
            placement.own_database = Some(warm.name.clone());
            placement.version.clone_from(&warm.version);
        }
    }
    store::insert(change.tx(), &placement).await?;
    if strategy == Strategy::Shared {
        return Ok(false);
    }
    let step = match (strategy, &taken) {
        (Strategy::Database, None) => provision::COPY,
        _ => provision::BUILD,
    };
    let new = work::New {
        kind: Kind::Provision,
        tenant: Some(tenant),
        subject: None,
        database: Some(database.id),
        version: None,
        step,
        data: json!({ "warm": taken.is_some() }),
    };
    work::add(change.tx(), &new).await?;
    Ok(true)
}

/// The names of a tenant's place. Roles are known to a whole server, so they carry the name of the login's database.
fn names(shop: &Workshop, tenant: TenantId, database: &Database, strategy: Strategy) -> Result<Placement, Error> {
    let place = format!("t_{}", tenant.0.simple());
    let mut placement = Placement {
        tenant,
        database_id: database.id,
        database: database.name.clone(),
        strategy,
        schema: None,
        own_database: None,
        role: None,
        owner: None,
        version: None,
    };
    if strategy == Strategy::Shared {
        return Ok(placement);
    }
    let stem = format!("{}_{place}", shop.application(&database.name)?.target.database());
    placement.role = Some(Ident::composed("", &stem, "").to_string());
    match strategy {
        Strategy::Schema => {
            placement.owner = Some(Ident::composed("", &stem, "_owner").to_string());
            placement.schema = Some(place);
        }
        // what is in a copy of a database belongs to whom it belongs to in the template
        _ => placement.own_database = Some(place),
    }
    Ok(placement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_one_tenants() {
        let (a, b) = (TenantId::new(), TenantId::new());
        assert_eq!(version_in(&mark(a, Some("7")), a), Some(Some("7".to_owned())));
        assert_eq!(version_in(&mark(a, None), a), Some(None));
        assert_eq!(version_in(&mark(a, None), b), None);
        assert_eq!(version_in("", a), None);
    }
}
