//! The SQL of tenants.

use jiff::Timestamp;
use tenantry_pg::tokio_postgres::Row;
use uuid::Uuid;

use super::{Contact, Subscription, Tenant};
use crate::change::{Change, View};
use crate::db::{Tx, statements};
use crate::error::Error;
use crate::ids::TenantId;

/// The columns of a tenant, in the order of `tenant()`.
macro_rules! columns {
    () => {
        "id, key, slug, name, contact_name, contact_email, plan, subscription_status, isolation_strategy, type, \
         parent_id, path, external_id, status, status_reason, deleted_at, erase_at, version, created_at, updated_at"
    };
}

statements! {
    READ: "read the tenant" = concat!("SELECT ", columns!(), " FROM tenantry_control.tenant WHERE id = $1");
    LOCK: "read the tenant to change it" =
        concat!("SELECT ", columns!(), " FROM tenantry_control.tenant WHERE id = $1 FOR UPDATE");
    CLAIM: "claim the slug" =
        "INSERT INTO tenantry_control.slug_claim AS c (skeleton, slug, tenant_id) VALUES ($1, $2, $3)
         ON CONFLICT (skeleton) DO UPDATE SET slug = excluded.slug, tenant_id = excluded.tenant_id, free_from = NULL
         WHERE c.tenant_id = excluded.tenant_id OR c.free_from <= now()
         RETURNING slug";
    RELEASE: "let the slug rest" =
        "UPDATE tenantry_control.slug_claim SET free_from = now() + make_interval(days => $3)
         WHERE tenant_id = $1 AND skeleton <> $2 AND free_from IS NULL";
    INSERT: "make the tenant" = concat!(
        "INSERT INTO tenantry_control.tenant
             (id, key, slug, name, contact_name, contact_email, plan, subscription_status, isolation_strategy, type,
              parent_id, path, external_id, status)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING ", columns!());
    UPDATE: "change the tenant" = concat!(
        "UPDATE tenantry_control.tenant
         SET slug = $2, name = $3, contact_name = $4, contact_email = $5, plan = $6, subscription_status = $7,
             external_id = $8, version = version + 1, updated_at = now()
         WHERE id = $1 RETURNING ", columns!());
    STATUS: "change the state of the tenant" = concat!(
        "UPDATE tenantry_control.tenant
         SET status = $2, status_reason = $3, deleted_at = $4, erase_at = $5, version = version + 1, updated_at = now()
         WHERE id = $1 RETURNING ", columns!());
    STATUS_OF: "read the state of a tenant" =
        "SELECT status FROM tenantry_control.tenant WHERE id = $1";
    CHILDREN: "look for tenants below" =
        "SELECT EXISTS (SELECT FROM tenantry_control.tenant WHERE parent_id = $1 AND status NOT IN ('deleted', 'erasing', 'erased'))";
    LIST: "list the tenants" = concat!(
        "SELECT ", columns!(), " FROM tenantry_control.tenant
         WHERE ($1::uuid IS NULL OR id > $1) AND CASE WHEN $2::text IS NULL THEN status <> 'erased' ELSE status = $2 END AND ($3::text IS NULL OR plan = $3)
           AND ($4::text IS NULL OR type = $4) AND ($5::uuid IS NULL OR parent_id = $5)
         ORDER BY id LIMIT $6");
    // without a limit: with one, a rare word would be looked for in every row
    MANY: "look whether many tenants are meant" =
        "SELECT count(*) > 1000 FROM tenantry_control.tenant WHERE search @@ pg_catalog.to_tsquery('simple', $1)";
    // of many a page is found soon in the order of ids, and they need not be put into it
    SEARCH_MANY: "search many tenants" = concat!(
        "SELECT ", columns!(), " FROM tenantry_control.tenant
         WHERE ($1::uuid IS NULL OR id > $1) AND CASE WHEN $2::text IS NULL THEN status <> 'erased' ELSE status = $2 END
           AND ($3::text IS NULL OR plan = $3) AND ($4::text IS NULL OR type = $4)
           AND ($5::uuid IS NULL OR parent_id = $5) AND search @@ pg_catalog.to_tsquery('simple', $7)
         ORDER BY id LIMIT $6");
    // first what the index finds, then the order: the other way about, a rare word is looked for in every row
    SEARCH: "search the tenants" = concat!(
        "WITH found AS MATERIALIZED (
             SELECT * FROM tenantry_control.tenant WHERE search @@ pg_catalog.to_tsquery('simple', $7))
         SELECT ", columns!(), " FROM found
         WHERE ($1::uuid IS NULL OR id > $1) AND CASE WHEN $2::text IS NULL THEN status <> 'erased' ELSE status = $2 END AND ($3::text IS NULL OR plan = $3)
           AND ($4::text IS NULL OR type = $4) AND ($5::uuid IS NULL OR parent_id = $5)
         ORDER BY id LIMIT $6");
}

fn tenant(row: &Row) -> Tenant {
    let (name, email) = (row.get::<_, Option<String>>(4), row.get::<_, Option<String>>(5));
    Tenant {
        id: TenantId(row.get(0)),
        key: row.get(1),
        slug: row.get(2),
        name: row.get(3),
        contact: (name.is_some() || email.is_some()).then_some(Contact { name, email }),
        subscription: Subscription { plan: row.get(6), status: row.get(7) },
        isolation_strategy: row.get(8),
        kind: row.get(9),
        parent_id: row.get::<_, Option<Uuid>>(10).map(TenantId),
        path: row.get::<_, Vec<Uuid>>(11).into_iter().map(TenantId).collect(),
        external_id: row.get(12),
        status: row.get(13),
        status_reason: row.get(14),
        deleted_at: row.get(15),
        erase_at: row.get(16),
        version: row.get(17),
        created_at: row.get(18),
        updated_at: row.get(19),
    }
}

pub(super) async fn read(view: &View, id: TenantId) -> Result<Option<Tenant>, Error> {
    Ok(view.tx().query_opt(&READ, &[&id.0]).await?.as_ref().map(tenant))
}

/// The tenant, as this transaction sees it.
pub(crate) async fn find(tx: &Tx, id: TenantId) -> Result<Option<Tenant>, Error> {
    Ok(tx.query_opt(&READ, &[&id.0]).await?.as_ref().map(tenant))
}

/// Reads a tenant that this change holds until its end.
pub(crate) async fn lock(change: &Change, id: TenantId) -> Result<Tenant, Error> {
    let row = change.tx().query_opt(&LOCK, &[&id.0]).await?;
    row.as_ref().map(tenant).ok_or_else(Error::not_found)
}

/// Takes a slug; false if somebody has it, or it rests.
pub(super) async fn claim(change: &Change, skeleton: &str, slug: &str, id: TenantId) -> Result<bool, Error> {
    Ok(change.tx().query_opt(&CLAIM, &[&skeleton, &slug, &id.0]).await?.is_some())
}

/// Lets the tenant's other slugs rest for so many days.
pub(super) async fn release_others(change: &Change, id: TenantId, kept: &str, days: i32) -> Result<(), Error> {
    change.tx().execute(&RELEASE, &[&id.0, &kept, &days]).await.map(drop)
}

pub(super) async fn insert(change: &Change, t: &Tenant) -> Result<Tenant, Error> {
    let contact = t.contact.clone().unwrap_or_default();
    let path: Vec<Uuid> = t.path.iter().map(|id| id.0).collect();
    let parent = t.parent_id.map(|p| p.0);
    let (plan, subscribed) = (&t.subscription.plan, &t.subscription.status);
    let row = change
        .tx()
        .query_one(
            &INSERT,
            &[
                &t.id.0,
                &t.key,
                &t.slug,
                &t.name,
                &contact.name,
                &contact.email,
                plan,
                subscribed,
                &t.isolation_strategy,
                &t.kind,
                &parent,
                &path,
                &t.external_id,
                &t.status,
            ],
        )
        .await?;
    Ok(tenant(&row))
}

pub(super) async fn update(change: &Change, t: &Tenant) -> Result<Tenant, Error> {
    let contact = t.contact.clone().unwrap_or_default();
    let (plan, subscribed) = (&t.subscription.plan, &t.subscription.status);
    let params: [&(dyn tenantry_pg::tokio_postgres::types::ToSql + Sync); 8] =
        [&t.id.0, &t.slug, &t.name, &contact.name, &contact.email, plan, subscribed, &t.external_id];
    Ok(tenant(&change.tx().query_one(&UPDATE, &params).await?))
}

pub(crate) async fn set_status(change: &Change, t: &Tenant) -> Result<Tenant, Error> {
    let row =
        change.tx().query_one(&STATUS, &[&t.id.0, &t.status, &t.status_reason, &t.deleted_at, &t.erase_at]).await?;
    Ok(tenant(&row))
}

/// The state of a tenant.
pub(super) async fn status_of(change: &Change, id: TenantId) -> Result<Option<String>, Error> {
    Ok(change.tx().query_opt(&STATUS_OF, &[&id.0]).await?.map(|r| r.get(0)))
}

pub(super) async fn has_children(change: &Change, id: TenantId) -> Result<bool, Error> {
    Ok(change.tx().query_one(&CHILDREN, &[&id.0]).await?.get(0))
}

/// What a list is cut down to.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    pub(super) after: Option<Uuid>,
    pub(super) status: Option<&'a str>,
    pub(super) plan: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) parent: Option<TenantId>,
    pub(super) search: Option<&'a str>,
    pub(super) limit: i64,
}

pub(super) async fn list(tx: &Tx, w: &Wanted<'_>) -> Result<Vec<Tenant>, Error> {
    let parent = w.parent.map(|p| p.0);
    let rows = match w.search {
        None => tx.query(&LIST, &[&w.after, &w.status, &w.plan, &w.kind, &parent, &w.limit]).await?,
        Some(words) if tx.query_one(&MANY, &[&words]).await?.get(0) => {
            tx.query(&SEARCH_MANY, &[&w.after, &w.status, &w.plan, &w.kind, &parent, &w.limit, &words]).await?
        }
        Some(words) => tx.query(&SEARCH, &[&w.after, &w.status, &w.plan, &w.kind, &parent, &w.limit, &words]).await?,
    };
    Ok(rows.iter().map(tenant).collect())
}

/// When a deleted tenant is to be erased.
pub(super) fn erase_at(now: Timestamp, days: i64) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
}
