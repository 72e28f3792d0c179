//! The tenant table of a database that had none, with the tenant that owns every row there is.

use tenantry_model::literal;

use super::table;
use crate::file::{Lock, Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let (Some(name), Some(key), Some(tenant)) = (&design.root.table, &design.root.key, &design.root.created) else {
        return Vec::new();
    };
    let mut step = table(Phase::Apply, name, format!("Make the tenant table {name} with the default tenant {tenant}"));
    step.lock = Lock::None;
    step.up = vec![
        format!(
            "CREATE TABLE {} ({} uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(), name text NOT NULL, slug text NOT NULL UNIQUE, created_at timestamptz NOT NULL DEFAULT pg_catalog.now())",
            name.quoted(),
            key.quoted()
        ),
        format!(
            "INSERT INTO {} ({}, name, slug) VALUES ({}, 'Default', 'default')",
            name.quoted(),
            key.quoted(),
            literal(tenant)
        ),
    ];
    step.down = vec![format!("DROP TABLE IF EXISTS {}", name.quoted())];
    vec![step]
}
