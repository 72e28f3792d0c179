//! A tenant's audit entries over HTTP: `/api/tenants/{id}/audit`, newest first.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tenantry_pg::tokio_postgres::Row;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::access::Permission;
use crate::change::View;
use crate::db::statements;
use crate::error::Error;
use crate::http::Api;
use crate::http::caller::{Caller, Id};
use crate::http::page;
use crate::http::query::Asked;
use crate::http::reply::Reply;
use crate::ids::TenantId;

statements! {
    LIST: "list the audit entries" =
        "SELECT id, occurred_at, action, severity, actor, tenant_id, targets, context, outcome, metadata
         FROM tenantry_control.audit_entry
         WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR action = $3)
           AND ($4::text IS NULL OR severity = $4) AND ($5::text IS NULL OR outcome = $5)
           AND ($6::timestamptz IS NULL OR occurred_at >= $6) AND ($7::timestamptz IS NULL OR occurred_at < $7)
         ORDER BY id DESC LIMIT $8";
}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(audit))
}

/// What a list is cut down to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Where to go on: `nextPageToken` of the page before.
    page_token: Option<String>,
    /// 1 to 200; 50 if left out.
    page_size: Option<u32>,
    /// `TENANT_CREATED` and its kin.
    action: Option<String>,
    /// `LOW`, `MEDIUM`, `HIGH` or `CRITICAL`.
    severity: Option<String>,
    /// `SUCCESS`, `FAILURE` or `DENIED`.
    outcome: Option<String>,
    /// From this moment on, as RFC 3339.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Before this moment, as RFC 3339.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
}

/// An entry, as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// Its id; later ones sort later.
    pub id: Uuid,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// `TENANT_CREATED` and its kin.
    pub action: String,
    /// `LOW`, `MEDIUM`, `HIGH` or `CRITICAL`.
    pub severity: String,
    /// Who did it: `type`, `id`, and `name` where there is one.
    pub actor: Value,
    /// Whose it is; none for the platform.
    pub tenant_id: Option<TenantId>,
    /// What it was done to.
    pub targets: Value,
    /// `requestId`, `ipAddress`, `userAgent`.
    pub context: Value,
    /// `SUCCESS`, `FAILURE` or `DENIED`.
    pub outcome: String,
    /// What else is known; never a secret.
    pub metadata: Value,
}

pub(super) fn shown(row: &Row) -> Shown {
    Shown {
        id: row.get(0),
        occurred_at: row.get(1),
        action: row.get(2),
        severity: row.get(3),
        actor: row.get(4),
        tenant_id: row.get::<_, Option<Uuid>>(5).map(TenantId),
        targets: row.get(6),
        context: row.get(7),
        outcome: row.get(8),
        metadata: row.get(9),
    }
}

#[utoipa::path(get, path = "/{id}/audit", tag = "audit", params(("id" = TenantId, Path), Filter),
    responses((status = 200, description = "A page, newest first: `items`, and `nextPageToken` if there are more")))]
async fn audit(caller: Caller, Id(id): Id, Asked(filter): Asked<Filter>) -> Result<Reply, Error> {
    let granted = caller.on_tenant(Permission::AuditRead, id).await?;
    one_of("severity", filter.severity.as_deref(), &["LOW", "MEDIUM", "HIGH", "CRITICAL"])?;
    one_of("outcome", filter.outcome.as_deref(), &["SUCCESS", "FAILURE", "DENIED"])?;
    let limit = page::size(filter.page_size)?;
    let (action, severity, outcome) = (&filter.action, &filter.severity, &filter.outcome);
    let bound = format!(
        "audit {} {id} {action:?} {severity:?} {outcome:?} {:?} {:?}",
        caller.actor().name(),
        filter.from,
        filter.to
    );
    let after = filter.page_token.as_deref().map(|t| page::read(caller.secret(), &bound, t)).transpose()?;
    let view = View::begin(caller.db(), &granted).await?;
    let wanted = limit + 1;
    let rows =
        view.tx().query(&LIST, &[&id.0, &after, action, severity, outcome, &filter.from, &filter.to, &wanted]).await?;
    let mut items: Vec<Shown> = rows.iter().map(shown).collect();
    let more = items.len() as i64 > limit;
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = items.last().filter(|_| more).map(|e| page::token(caller.secret(), &bound, e.id));
    Reply::json(StatusCode::OK, &json!({ "items": items, "nextPageToken": next }))
}

fn one_of(field: &'static str, given: Option<&str>, allowed: &[&str]) -> Result<(), Error> {
    match given {
        Some(given) if !allowed.contains(&given) => {
            Err(Error::field(field, format!("give one of {}", allowed.join(", "))))
        }
        _ => Ok(()),
    }
}
