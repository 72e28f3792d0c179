//! The table map: every table, what it is, and how it is kept apart.

use tenantry_blueprint::catalog::TableKind;
use tenantry_blueprint::file::Binding;

use super::report::TableLine;
use super::stage::Stage;

/// One line per table of the application; partitions follow their parent.
pub(crate) fn table_map(stage: &Stage) -> Vec<TableLine> {
    let mut lines = Vec::new();
    for table in &stage.catalog.tables {
        if table.name.schema.as_str() == "tenantry" {
            continue;
        }
        let protected = stage.subject(&table.name);
        let verdict = stage.classification.verdict(&table.name);
        if table.kind == TableKind::Partition && protected.is_none() && verdict.is_none() {
            continue;
        }
        let class = protected
            .map(|s| s.class)
            .or(verdict.map(|v| v.class))
            .map_or_else(|| "unknown".to_owned(), |c| format!("{c:?}").to_lowercase());
        let restrictive = table.policies.iter().any(|p| !p.permissive);
        let (column, path, protection) = match protected.map(|s| &s.binding) {
            Some(Binding::Column { column, added, null_is_shared, .. }) => {
                let mut words = vec!["restrictive policy on the column".to_owned()];
                words.extend(added.then(|| "column added by tenantry".to_owned()));
                words.extend(null_is_shared.then(|| "rows without a tenant are readable by all".to_owned()));
                (Some(column.to_string()), vec![], words.join("; "))
            }
            Some(Binding::Path { path }) => {
                (None, crate::report::hops(path), "restrictive policy along the path".to_owned())
            }
            None => {
                let words = match class.as_str() {
                    "shared" => "no tenant: reference data of all",
                    "system" => "no tenant: out of the application's reach",
                    _ => "none",
                };
                (verdict.and_then(|v| v.column.as_ref()).map(ToString::to_string), vec![], words.to_owned())
            }
        };
        let stands = protected.is_some() && table.rls_enabled && restrictive;
        let protection = match (protected.is_some(), stands, table.rls_forced) {
            (true, false, _) => "MISSING: row-level security is off or its tenant policy is gone".to_owned(),
            (true, true, false) => format!("{protection}; not forced on the owner yet"),
            _ => protection,
        };
        lines.push(TableLine {
            schema: table.name.schema.to_string(),
            table: table.name.name.to_string(),
            class,
            column,
            path,
            protection,
            protected: stands,
        });
    }
    lines
}
