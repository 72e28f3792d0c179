//! A row that is looked for before the tenant is known: under a policy it cannot be found.

use tenantry_model::Ident;

use super::tools::{Report, Scene};
use crate::catalog::Table;
use crate::classify::Class;
use crate::file::Severity;

/// Endings of names of such columns, squashed to lower case letters.
const KEYS: &[&str] = &[
    "token", "tokenhash", "apikey", "apikeyhash", "keyhash", "hashedkey", "hashedsecretkey", "publickey", "secrethash", "accesscode",
    "invitecode", "invitekey", "sharekey", "shareid", "subdomain", "domain", "customdomain", "hostname", "email", "slug",
];

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, verdict) in scene.scoped() {
        for (_, columns) in scene.uniques(table) {
            let [column] = columns.as_slice() else { continue };
            let squashed: String = column.as_str().chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
            let is_key = KEYS.iter().any(|k| squashed == *k || squashed.ends_with(k) && k.len() > 5);
            if !is_key || is_declared(scene, table, column) {
                continue;
            }
            let returns = match (&verdict.column, verdict.class) {
                (_, Class::Root) => scene.found.root.key.first().map(ToString::to_string),
                (Some(c), _) => Some(c.to_string()),
                (None, _) => table.primary_key.as_ref().and_then(|k| k.columns.first()).map(ToString::to_string),
            };
            report.add(
                Severity::Low,
                format!("{}.{column}", table.name),
                format!("`{column}` is unique over all tenants and looks like what a request brings before its tenant is known"),
                format!(
                    "if the application does, declare it: [[lookups]] name = \"{}_by_{}\", table = \"{}\", match = [\"{column}\"], returns = [\"{}\"], reason = \"…\"",
                    plain(table.name.name.as_str()),
                    plain(column.as_str()),
                    table.name,
                    returns.unwrap_or_else(|| "…".into())
                ),
            );
        }
    }
}

fn is_declared(scene: &Scene<'_>, table: &Table, column: &Ident) -> bool {
    let name = table.name.to_string();
    scene.registry.lookups.iter().any(|l| l.table == name && l.r#match.iter().any(|c| c == column.as_str()))
}

fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}
