//! Looks at the data before anything is changed: rows whose parent belongs to another tenant, orphans, NULLs.
//!
//! Runs the blueprint's probes one by one, each read-only and bounded in time. Only counts are read, never a value of
//! a row. A probe that runs out of time is reported as not answered, never as good.

use tenantry_blueprint::file::{Finding, Severity};
use tenantry_blueprint::survey::Probe;
use tenantry_pg::tokio_postgres::{self, Client, error::SqlState};

/// Longest time one probe may take.
const PROBE_SECONDS_MAX: u32 = 120;

/// Runs every probe and turns each count above zero into a finding.
///
/// The connection must see all rows: a probe that row-level security keeps from seeing them fails, and says so.
pub async fn run(client: &Client, probes: &[Probe]) -> Result<Vec<Finding>, SurveyError> {
    let mut findings = Vec::new();
    for probe in probes {
        match ask(client, probe).await {
            Ok(0) => {}
            Ok(count) => findings.push(finding(probe, count)),
            Err(source) if source.code() == Some(&SqlState::QUERY_CANCELED) => findings.push(unanswered(probe)),
            Err(source) => return Err(SurveyError { probe: probe.id.clone(), object: probe.object.clone(), source }),
        }
    }
    Ok(findings)
}

/// A probe the server refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot look at {object} for {probe}: {}", tenantry_pg::in_plain_words(.source))]
pub struct SurveyError {
    /// The probe.
    pub probe: String,
    /// What it looks at.
    pub object: String,
    /// What the server said.
    #[source]
    pub source: tokio_postgres::Error,
}

impl SurveyError {
    /// The class of the failure.
    pub fn class(&self) -> tenantry_model::Class {
        tenantry_pg::class_of(&self.source)
    }
}

/// One probe in its own read-only transaction.
async fn ask(client: &Client, probe: &Probe) -> Result<i64, tokio_postgres::Error> {
    client
        .batch_execute(&format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = '{PROBE_SECONDS_MAX}s'; SET LOCAL row_security = off"
        ))
        .await?;
    let answer = client.query_one(&probe.sql, &[]).await;
    client.batch_execute("ROLLBACK").await?;
    answer?.try_get(0)
}

fn finding(probe: &Probe, count: i64) -> Finding {
    Finding {
        id: probe.id.clone(),
        severity: probe.severity,
        object: probe.object.clone(),
        message: probe.meaning.replace("{count}", &count.to_string()),
        remedy: probe.remedy.clone(),
        blocks: probe.blocks,
        accepted: None,
    }
}

fn unanswered(probe: &Probe) -> Finding {
    Finding {
        id: "survey-unanswered".to_owned(),
        severity: Severity::Medium,
        object: probe.object.clone(),
        message: format!("The question {} was not answered within {PROBE_SECONDS_MAX} seconds.", probe.id),
        remedy: "Run tenantry plan again when the server is less busy, or count yourself before applying.".to_owned(),
        blocks: false,
        accepted: None,
    }
}
