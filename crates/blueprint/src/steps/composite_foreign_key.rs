//! Foreign keys that hold the tenant: a row can only point at its own tenant's rows.
//!
//! Added for new rows first, then checked for existing ones with writers going on. PostgreSQL before 18 cannot do that
//! on a partitioned table: there each partition gets the key so, and the parent's then only joins them together.

use super::{sized, table};
use crate::catalog::Table;
use crate::ddl::constraint::{self, NewForeignKey, TO_DROP, TO_MAKE, lock_parent};
use crate::file::{Effect, Lock, Phase, Step};
use crate::plan::design::{Design, TableDesign};

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for r in &design.references {
        if let (Some(key), Some(t)) = (&r.composite, design.table(&r.table.name)) {
            out.extend(key_steps(t, key, r.key.validated));
        }
    }
    for (name, key) in &design.tenant_keys {
        if let Some(t) = design.table(name) {
            out.extend(key_steps(t, key, true));
        }
    }
    out
}

fn key_steps(t: &TableDesign<'_>, key: &NewForeignKey, validated: bool) -> Vec<Step> {
    if t.table.partition_key.is_none() {
        return pair(t.table, key, validated);
    }
    let mut out: Vec<Step> = t.leaves().flat_map(|leaf| pair(leaf, key, true)).collect();
    let name = &t.table.name;
    let mut join = table(Phase::Apply, name, format!("Foreign key {} on {name}, joined from its partitions", key.name));
    join.id = format!("{name}/{}", key.name);
    join.lock = Lock::ShareRowExclusive;
    join.up = vec![lock_parent(&key.references, TO_MAKE), constraint::add_foreign_key(name, key, true)];
    join.down = vec![lock_parent(&key.references, TO_DROP), constraint::drop(name, &key.name)];
    out.push(join);
    out
}

fn pair(on: &Table, key: &NewForeignKey, validated: bool) -> Vec<Step> {
    let name = &on.name;
    let mut add =
        table(Phase::Apply, name, format!("Foreign key {} of {name} to {}, with the tenant", key.name, key.references));
    add.id = format!("{name}/{}", key.name);
    add.lock = Lock::ShareRowExclusive;
    add.up = vec![lock_parent(&key.references, TO_MAKE), constraint::add_foreign_key(name, key, false)];
    add.down = vec![lock_parent(&key.references, TO_DROP), constraint::drop(name, &key.name)];
    let mut out = vec![add];
    if validated {
        let mut check = table(Phase::Apply, name, format!("Check existing rows of {name} against {}", key.name));
        check.id = format!("{name}/{}/validate", key.name);
        check.lock = Lock::ShareUpdateExclusive;
        check.effect = Effect::Scan;
        check.estimate = sized::scan(on);
        check.up = vec![constraint::validate(name, &key.name)];
        out.push(check);
    }
    out
}
