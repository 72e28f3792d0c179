//! The global unique keys go, where one with the tenant in front stands. On the way back each is built with writers
//! going on; if two tenants have taken the same value since, the server says so and the way back stops there.

use tenantry_model::QualifiedName;

use super::{sized, table};
use crate::catalog::Index;
use crate::ddl::index::{Build, NewIndex};
use crate::ddl::{constraint, index};
use crate::file::{Effect, Lock, Phase, Run, Step};
use crate::plan::design::{Design, UniqueDesign};

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    design.uniques.iter().map(step).collect()
}

fn step(u: &UniqueDesign<'_>) -> Step {
    let name = &u.table.name;
    let index_name = QualifiedName::new(name.schema.clone(), u.index.name.clone());
    let mut step =
        table(Phase::Complete, name, format!("Drop {} of {name}, which is unique over all tenants", u.index.name));
    step.id = format!("{name}/{}", u.index.name);
    step.effect = Effect::Catalog;
    step.lock = Lock::AccessExclusive;
    step.estimate = sized::index(u.table);
    step.up = vec![match u.constraint {
        Some(key) => constraint::drop(name, &key.name),
        None => index::drop(&index_name),
    }];
    if u.table.partition_key.is_some() {
        // A partitioned index cannot be built concurrently: it comes back under a short lock per partition.
        step.down = match u.constraint {
            Some(key) => vec![constraint::restore_unique(name, key)],
            None => vec![u.index.definition.clone()],
        };
    } else {
        step.run = Run::ConcurrentIndexBack { index: index_name };
        let again = index::again(&u.index.definition);
        step.down = vec![again.unwrap_or_else(|| index::create(name, &as_new(u.index), Build::Concurrently))];
        if let Some(key) = u.constraint {
            step.down.push(constraint::attach_unique(name, key));
        }
    }
    if let Some(key) = u.constraint
        && let Some(comment) = &key.comment
    {
        step.down.push(constraint::comment(name, &key.name, comment));
    }
    step.down.extend(constraint::index_extras(name, u.index));
    step
}

/// The index as it was.
fn as_new(index: &Index) -> NewIndex {
    NewIndex {
        name: index.name.clone(),
        unique: true,
        keys: index
            .keys
            .iter()
            .map(|k| {
                let key = k.column.as_ref().map_or_else(|| format!("({})", k.sql), |c| c.quoted());
                if k.descending { format!("{key} DESC") } else { key }
            })
            .collect(),
        include: index.include.clone(),
        nulls_not_distinct: index.nulls_not_distinct,
        predicate: index.predicate.clone(),
    }
}
