//! Indexes fit for the workload of one tenant. A lone index on the tenant is left alone: that it is no longer needed
//! is said, not done.

use tenantry_model::QualifiedName;

use super::{sized, table};
use crate::ddl::index::{self, Build, NewIndex};
use crate::file::{Effect, Lock, Phase, Run, Step};
use crate::plan::design::{Design, TableDesign};

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for i in design.indexes.iter().filter(|i| !i.target) {
        if let Some(t) = design.table(&i.table.name) {
            out.extend(build(t, &i.index, &i.why));
        }
    }
    out
}

/// Steps that build an index with writers going on. On a partitioned table each partition gets its own, which then
/// becomes part of the parent's: PostgreSQL cannot build a partitioned index concurrently.
pub(super) fn build(t: &TableDesign<'_>, new: &NewIndex, why: &str) -> Vec<Step> {
    let name = |table: &QualifiedName, index: &NewIndex| QualifiedName::new(table.schema.clone(), index.name.clone());
    let concurrent = |table_: &crate::catalog::Table, index: &NewIndex| {
        let made = name(&table_.name, index);
        let mut step = table(Phase::Apply, &table_.name, format!("Index {}: {why}", index.name));
        step.id = format!("{}/{}", table_.name, index.name);
        step.run = Run::ConcurrentIndex { index: made.clone() };
        step.up = vec![index::create(&table_.name, index, Build::Concurrently)];
        step.down = vec![index::drop_concurrently(&made)];
        step.lock = Lock::ShareUpdateExclusive;
        step.effect = Effect::Scan;
        step.estimate = sized::index(table_);
        step
    };
    if t.table.partition_key.is_none() {
        return vec![concurrent(t.table, new)];
    }
    let part_index = |part: &crate::catalog::Table| NewIndex {
        name: tenantry_model::Ident::composed(&format!("{}_", part.name.name), new.name.as_str(), ""),
        ..new.clone()
    };
    let mut out = Vec::new();
    // Parents of partitions: entries that stay invalid until every partition is attached.
    for parent in t.relations().filter(|r| r.partition_key.is_some()) {
        let own = if parent.name == t.table.name { new.clone() } else { part_index(parent) };
        let mut step = table(Phase::Apply, &parent.name, format!("Index {} over partitions: {why}", own.name));
        step.id = format!("{}/{}", parent.name, own.name);
        step.up = vec![index::create(&parent.name, &own, Build::OnlyParent)];
        if parent.name == t.table.name {
            // Goes with every part that is attached; then those that never were. No part could be dropped alone.
            step.down = vec![index::drop(&name(&parent.name, &own))];
            step.down.extend(t.partitions.iter().map(|p| index::drop(&name(&p.name, &part_index(p)))));
        }
        step.lock = Lock::ShareRowExclusive;
        out.push(step);
    }
    for leaf in t.partitions.iter().filter(|p| p.partition_key.is_none()) {
        let mut step = concurrent(leaf, &part_index(leaf));
        step.down.clear();
        out.push(step);
    }
    // Children before their parents, so that each parent becomes valid as its last child comes.
    let mut attach = table(Phase::Apply, &t.table.name, format!("Put the partitions' indexes under {}", new.name));
    attach.id = format!("{}/{}/attach", t.table.name, new.name);
    attach.lock = Lock::ShareUpdateExclusive;
    for part in t.partitions.iter().rev() {
        for parent in t.relations().filter(|r| part.parents.contains(&r.name)) {
            let above = if parent.name == t.table.name { new.clone() } else { part_index(parent) };
            attach.up.push(index::attach(&name(&parent.name, &above), &name(&part.name, &part_index(part))));
        }
    }
    out.push(attach);
    out
}
