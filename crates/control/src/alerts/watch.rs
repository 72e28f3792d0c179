//! One look at what was recorded and measured.

use serde_json::{Value, json};

use super::store::{self, New};
use super::{Alert, AlertSettings};
use crate::access::{Actor, Permission, on_platform};
use crate::audit::{Context, Entry, Severity};
use crate::change::Change;
use crate::db::Db;
use crate::error::Error;
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::outbox::Event;

/// Looks once, and raises what is to be raised; says how many.
pub(crate) async fn round(db: &Db, settings: &AlertSettings) -> Result<usize, Error> {
    let granted = on_platform(&Actor::task("alerts"), Permission::AlertManage)?;
    let mut change = Change::begin(db, granted, Context::default(), None).await?;
    if !store::alone(change.tx()).await? {
        return Ok(0);
    }
    let mut raised = Vec::new();
    for threshold in settings.thresholds.iter().filter(|t| t.count > 0) {
        for (tenant, count) in store::over(change.tx(), threshold).await? {
            let seconds = threshold.within.as_secs();
            let message = format!(
                "{}: {count} entries {} of {} reached the threshold of {} in {seconds} s",
                threshold.name,
                threshold.actions.join(", "),
                tenant.map_or_else(|| "the platform".to_owned(), |t| format!("tenant {t}")),
                threshold.count
            );
            let data = json!({ "count": count, "threshold": threshold.count, "withinSeconds": seconds, "actions": threshold.actions });
            raised.push(raise(&mut change, settings, tenant, &threshold.name, message, data).await?);
        }
    }
    let measured = settings.measured;
    let seen = store::measured(change.tx(), measured.within).await?;
    let seconds = measured.within.as_secs();
    let over = |limit: Option<f64>, value: Option<f64>| limit.zip(value).filter(|(limit, value)| value > limit);
    if let Some((limit, percent)) = over(measured.cache_miss_percent, seen.miss_percent())
        && seen.hits + seen.misses >= measured.requests_min
        && !store::rests(change.tx(), "cache-misses", measured.within).await?
    {
        let message = format!(
            "cache-misses: the cache could not answer {percent:.1} % of requests in {seconds} s; the threshold is {limit} %"
        );
        let data = json!({ "percent": percent, "threshold": limit, "withinSeconds": seconds });
        raised.push(raise(&mut change, settings, None, "cache-misses", message, data).await?);
    }
    let limit = measured.p99.map(|p99| p99.as_secs_f64() * 1e3);
    if let Some((limit, ms)) = over(limit, seen.p99_micros().map(|micros| micros / 1e3))
        && seen.requests() >= measured.requests_min
        && !store::rests(change.tx(), "p99", measured.within).await?
    {
        let message = format!(
            "p99: a request in a hundred took {ms:.0} ms or longer in {seconds} s; the threshold is {limit} ms"
        );
        let data = json!({ "milliseconds": ms, "threshold": limit, "withinSeconds": seconds });
        raised.push(raise(&mut change, settings, None, "p99", message, data).await?);
    }
    if raised.is_empty() {
        return Ok(0);
    }
    change.commit(Reply::empty(axum::http::StatusCode::CREATED)).await?;
    for alert in &raised {
        tracing::error!(alert = alert.name, alert.id = %alert.id, "{}", alert.message);
    }
    Ok(raised.len())
}

/// An alert, its audit entry and its event, in one transaction.
async fn raise(
    change: &mut Change,
    settings: &AlertSettings,
    tenant: Option<TenantId>,
    name: &str,
    message: String,
    data: Value,
) -> Result<Alert, Error> {
    let new = New { tenant, name, severity: Severity::High.as_str(), message, data };
    let alert = store::raise(change.tx(), &new, settings.mail.is_some()).await?;
    let entry = Entry::done("ALERT_RAISED", Severity::High, tenant).to("alert", alert.id);
    change.audit(entry.with(json!({ "name": name }))).await?;
    let data = json!({ "id": alert.id, "name": name, "severity": alert.severity, "message": alert.message, "data": alert.data });
    let subject = Some(alert.id.to_string());
    change.emit(Event { kind: "tenantry.alert.raised", subject, tenant, data }).await?;
    Ok(alert)
}
