//! An extension that reaches past row-level security: to other servers, to files, to raw pages.

use super::tools::{Report, Scene};
use crate::file::Severity;

const EXTENSIONS: &[(&str, Severity, &str)] = &[
    ("dblink", Severity::High, "opens connections to any database, also back to this one under another name"),
    ("postgres_fdw", Severity::High, "reads other databases with one fixed login; foreign tables have no policies"),
    ("mysql_fdw", Severity::High, "reads another server with one fixed login"),
    ("oracle_fdw", Severity::High, "reads another server with one fixed login"),
    ("tds_fdw", Severity::High, "reads another server with one fixed login"),
    ("file_fdw", Severity::High, "reads files of the server"),
    ("adminpack", Severity::High, "reads and writes files of the server"),
    ("pageinspect", Severity::High, "reads raw pages, policies or not"),
    ("pg_walinspect", Severity::High, "reads every change from the write-ahead log"),
    ("pg_surgery", Severity::High, "changes row visibility by hand"),
    ("pg_freespacemap", Severity::Low, "shows how full other tenants' pages are"),
    ("pg_visibility", Severity::Medium, "shows where rows of all tenants lie"),
    ("pgrowlocks", Severity::Medium, "shows locked rows of all tenants"),
    ("pgstattuple", Severity::Low, "shows how many rows of all tenants there are"),
    ("pg_buffercache", Severity::Low, "shows which pages others use"),
    ("lo", Severity::Medium, "serves large objects, which have no row-level security"),
    ("plpython3u", Severity::High, "runs code with the server's rights"),
    ("plperlu", Severity::High, "runs code with the server's rights"),
    ("pltclu", Severity::High, "runs code with the server's rights"),
    ("plsh", Severity::High, "runs shell commands with the server's rights"),
    ("http", Severity::Medium, "lets a query send what it read to any address"),
    ("pg_net", Severity::Medium, "lets a query send what it read to any address"),
    ("pg_cron", Severity::Medium, "runs jobs with their owner's rights and no tenant context"),
    ("pg_stat_statements", Severity::Low, "keeps texts of statements of all tenants"),
];

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for e in &scene.catalog.extensions {
        if let Some((name, severity, why)) = EXTENSIONS.iter().find(|(n, _, _)| *n == e.name) {
            report.add(
                *severity,
                name,
                format!("extension {name} in schema {} {why}", e.schema),
                "drop the extension if nothing uses it, or REVOKE EXECUTE on its functions and USAGE on its schema from PUBLIC",
            );
        }
    }
}
