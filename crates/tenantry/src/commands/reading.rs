//! What inspect, check, plan and doctor begin with: the catalog, and what the rules and the registry make of it.

use tenantry_blueprint::catalog::Catalog;
use tenantry_blueprint::classify::{Classification, classify};
use tenantry_blueprint::file::{Finding, Severity};
use tenantry_blueprint::registry::Registry;
use tenantry_engine::inspect;
use tenantry_model::{Class, ServerVersion};
use tenantry_pg::Client;

use crate::config::Settings;
use crate::errors::Failure;

/// A database, read and classified.
pub(super) struct Reading {
    /// The connection it was read through.
    pub(super) client: Client,
    /// Its structure.
    pub(super) catalog: Catalog,
    /// What each table is.
    pub(super) classification: Classification,
}

impl Reading {
    /// Connects, reads and classifies. Refuses servers that are too old for tenantry at all, and empty databases.
    pub(super) async fn of(settings: &Settings, registry: &Registry) -> Result<Self, Failure> {
        let progress = settings.output.progress(0);
        progress.now("reading the catalog");
        let client = settings.connect().await?;
        let catalog = inspect::read(&client).await?;
        progress.finish();
        let version = ServerVersion(catalog.server_version_num);
        if version.is_unsupported() {
            return Err(too_old(version, "tenantry needs PostgreSQL 15 or later: update the server"));
        }
        if catalog.tables.is_empty() {
            return Err(Failure::new(Class::Missing, format!("database `{}` has no tables", catalog.database))
                .code("empty-database")
                .remedy("check the database's name, that the schema is loaded, and that this login may see it"));
        }
        let classification = classify(&catalog, registry);
        Ok(Self { client, catalog, classification })
    }

    /// The server's version, for example 15.20.
    pub(super) fn version(&self) -> ServerVersion {
        ServerVersion(self.catalog.server_version_num)
    }

    /// Refuses a server whose row-level security has known holes, unless the user allows it.
    pub(super) fn refuse_old_server(&self, settings: &Settings) -> Result<(), Failure> {
        match (self.version().is_below_floor(), self.version().floor()) {
            (true, Some(floor)) if !settings.allow_old_server => Err(too_old(
                self.version(),
                &format!("update the server to {floor} or later, or accept the holes with --allow-old-server"),
            )),
            _ => Ok(()),
        }
    }
}

fn too_old(version: ServerVersion, remedy: &str) -> Failure {
    Failure::caller(format!("PostgreSQL {version} lacks fixes that row-level security needs"))
        .code("server-too-old")
        .remedy(remedy)
}

/// Marks the findings that the registry accepts.
pub(super) fn accept(findings: &mut [Finding], registry: &Registry) {
    for finding in findings {
        let accepted =
            registry.accept.iter().find(|a| a.id == finding.id && [finding.object.as_str(), "*"].contains(&&*a.object));
        if finding.accepted.is_none() {
            finding.accepted = accepted.map(|a| a.reason.clone());
        }
    }
}

/// The word for a severity.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// Findings as people read them: one block each, worst first.
pub(super) fn listed<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
    let mut sorted: Vec<&Finding> = findings.into_iter().collect();
    sorted.sort_by_key(|f| (!f.blocks, std::cmp::Reverse(f.severity)));
    let block = |f: &&Finding| {
        let blocks = if f.blocks { ", blocks" } else { "" };
        format!(
            "  {} ({}{blocks})  {}\n    {}\n    do: {}\n",
            f.id,
            severity(f.severity),
            f.object,
            f.message,
            f.remedy
        )
    };
    sorted.iter().map(block).collect()
}
