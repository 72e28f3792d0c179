//! Something is unique over all tenants: a refused insert tells that another tenant has the value.

use tenantry_model::Ident;

use super::tools::{Report, Scene, list};
use crate::catalog::Table;
use crate::classify::Class;
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, verdict) in scene.scoped() {
        let kept = scene.registry.table(&table.name).map(|e| &e.global_uniques);
        let natural_key = table.primary_key.iter().filter(|k| !k.columns.iter().all(|c| is_surrogate(table, c)));
        let uniques = scene.uniques(table).into_iter().chain(natural_key.map(|k| (&k.name, k.columns.clone())));
        for (name, columns) in uniques {
            let recorded = kept.is_some_and(|k| k.contains_key(name.as_str()));
            let random = !columns.is_empty() && columns.iter().all(|c| is_random(table, c));
            if recorded || random || scene.holds_tenant(table, verdict, &columns) {
                continue;
            }
            let what = if columns.is_empty() { "an expression".to_owned() } else { list(&columns) };
            let unguessable = columns.iter().any(is_secret);
            let severity = match verdict.class {
                Class::Root => Severity::Low,
                _ if unguessable => Severity::Low,
                _ => Severity::High,
            };
            report.add(
                severity,
                format!("{}.{name}", table.name),
                format!("{what} is unique over all tenants: two tenants cannot have the same value, and a refused insert tells that another one has it"),
                "make it unique together with the tenant (`tenantry plan` does); if the application needs it global (login e-mail, random token), record it under global_uniques with the reason",
            );
        }
    }
}

/// A number or uuid the database gives out: nobody chooses it.
fn is_surrogate(table: &Table, column: &Ident) -> bool {
    table.column(column.as_str()).is_some_and(|c| {
        let named = matches!(column.as_str().to_lowercase().as_str(), "id" | "uuid" | "pk") || column.as_str().to_lowercase().ends_with("id");
        let drawn = c.identity.is_some() || c.default.as_deref().is_some_and(|d| d.contains("nextval(") || d.contains("uuid"));
        drawn || named
    })
}

fn is_random(table: &Table, column: &Ident) -> bool {
    table.column(column.as_str()).is_some_and(|c| c.data_type == "uuid")
}

fn is_secret(column: &Ident) -> bool {
    let name = column.as_str().to_lowercase();
    ["token", "secret", "hash", "api_key", "apikey", "digest"].iter().any(|w| name.contains(w))
}
