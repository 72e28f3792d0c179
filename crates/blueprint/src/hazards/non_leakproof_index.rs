//! An index that stops being used under row-level security, because its operators are not leakproof.

use super::tools::{Report, Scene};
use crate::catalog::{Catalog, Index, Table};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, _) in scene.scoped() {
        for index in table.indexes.iter().filter(|i| i.leakproof != Some(true)) {
            let Some((what, cure)) = index_trouble(scene.catalog, table, index) else { continue };
            let large = table.size.rows >= 10_000 || table.size.pages >= 200;
            report.add(
                if large { Severity::Medium } else { Severity::Low },
                format!("{}.{}", table.name, index.name),
                format!("{what}: under a policy the planner may not use this index for it, and reads the tenant's rows one by one"),
                cure,
            );
        }
    }
}

/// What is not leakproof in an index, and the cure.
fn index_trouble(catalog: &Catalog, table: &Table, index: &Index) -> Option<(String, &'static str)> {
    if matches!(index.method.as_str(), "gin" | "gist" | "spgist" | "hnsw" | "ivfflat" | "bloom" | "rum") {
        return Some((
            format!("operators of {} indexes are not leakproof", index.method),
            "keep it for searches inside one tenant's few rows; for large tenants search through a function that checks the tenant itself, or a separate search service",
        ));
    }
    for key in &index.keys {
        let Some(column) = key.column.as_ref().and_then(|c| table.column(c.as_str())) else {
            return Some((
                format!("the function in `{}` is not leakproof", key.sql),
                "add a stored generated column with this expression, index (tenant, column) and query the column",
            ));
        };
        let t = column.data_type.as_str();
        let is_enum = catalog.enums.iter().any(|e| e.to_string() == t || e.name.as_str() == t || e.name.quoted() == t);
        if is_enum {
            return Some((
                format!("comparison of the enum `{}` is not leakproof", column.name),
                "one partial index per value (WHERE status = 'x'), or text with a CHECK in place of the enum",
            ));
        }
        if t == "numeric" || t.starts_with("numeric(") {
            return Some((format!("comparison of numeric `{}` is not leakproof", column.name), "bigint (cents) in place of numeric where it is searched"));
        }
        if t.ends_with("[]") || matches!(t, "jsonb" | "json" | "citext" | "public.citext" | "inet" | "tsvector") && index.leakproof == Some(false) {
            return Some((format!("comparison of {t} `{}` is not leakproof", column.name), "search by a column of a plain type: text, uuid, integer, timestamptz"));
        }
    }
    (index.leakproof == Some(false)).then(|| {
        ("an operator of its keys is not leakproof".to_owned(), "search by columns of plain types: text, uuid, integer, timestamptz")
    })
}
