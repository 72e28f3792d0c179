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

/// Most objects that are named under one finding; the machine-readable forms name them all.
const OBJECTS_SHOWN_MAX: usize = 8;

/// Findings as people read them: worst first, and one block for all objects of which the same is said.
pub(super) fn listed<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
    let mut sorted: Vec<&Finding> = findings.into_iter().collect();
    sorted.sort_by_key(|f| (!f.blocks, std::cmp::Reverse(f.severity)));
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in sorted {
        let alike = |f: &Finding| {
            (&f.id, f.blocks, f.severity, &f.message, &f.remedy)
                == (&finding.id, finding.blocks, finding.severity, &finding.message, &finding.remedy)
        };
        match groups.iter_mut().find(|g| alike(g[0])) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups.iter().map(|g| block(g)).collect()
}

/// One block: what is said, of which objects, and what to do.
fn block(group: &[&Finding]) -> String {
    let (first, severity) = (group[0], severity(group[0].severity));
    let blocks = if first.blocks { ", blocks" } else { "" };
    let mut objects: Vec<&str> = group.iter().map(|f| f.object.as_str()).take(OBJECTS_SHOWN_MAX).collect();
    let more = format!("and {} more", group.len().saturating_sub(OBJECTS_SHOWN_MAX));
    if group.len() > OBJECTS_SHOWN_MAX {
        objects.push(&more);
    }
    let objects = objects.join(", ");
    format!("  {} ({severity}{blocks})  {objects}\n    {}\n    do: {}\n", first.id, first.message, first.remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str, severity: Severity, object: &str) -> Finding {
        Finding {
            id: id.into(),
            severity,
            object: object.into(),
            message: "it is so".into(),
            remedy: "change it".into(),
            blocks: false,
            accepted: None,
        }
    }

    #[test]
    fn the_worst_comes_first_and_the_same_is_said_once() {
        let many: Vec<Finding> = (0..10).map(|n| finding("sequence-ids", Severity::Low, &format!("t{n}"))).collect();
        let bad = finding("materialized-view", Severity::Critical, "totals");
        let text = listed(many.iter().chain([&bad]));
        let expected = "  materialized-view (critical)  totals\n    it is so\n    do: change it\n  \
                        sequence-ids (low)  t0, t1, t2, t3, t4, t5, t6, t7, and 2 more\n    it is so\n    do: change it\n";
        assert_eq!(text, expected);
    }
}
