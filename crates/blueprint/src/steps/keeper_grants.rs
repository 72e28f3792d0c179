//! What the keeper's trigger functions, look-ups and counts read: the columns on the way to a tenant and those that are
//! counted, and no other.
//!
//! Steps of their own, before everything that uses them, so that on the way back nothing loses a right it still needs.

use std::collections::BTreeMap;

use tenantry_model::{Ident, QualifiedName};

use super::{table, table_object};
use crate::ddl::{acl, list};
use crate::file::{Lock, Phase, Step};
use crate::plan::design::{Design, Fill};

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut needed: BTreeMap<QualifiedName, Vec<Ident>> = BTreeMap::new();
    let mut select = |table: QualifiedName, columns: Vec<Ident>| {
        let own = needed.entry(table).or_default();
        for column in columns {
            if !own.contains(&column) {
                own.push(column);
            }
        }
    };
    for (_, bound) in design.columns() {
        if let Some(Fill::Along(way)) = &bound.fill {
            for (table, columns) in way.reads() {
                select(table, columns);
            }
        }
    }
    for lookup in &design.lookups {
        // a column that this plan adds is not there yet: the look-up's own step grants it
        let there =
            lookup.arguments.iter().chain(&lookup.returns).filter(|(c, _)| lookup.table.column(c.as_str()).is_some());
        select(lookup.table.name.clone(), there.map(|(c, _)| c.clone()).collect());
    }
    for r in &design.resources {
        for relation in r.relations.iter().filter_map(|(name, _)| design.catalog.table(name)) {
            // a column that this plan adds comes later: its right is given with the guard
            let there = r.reads.iter().filter(|c| relation.column(c.as_str()).is_some());
            select(relation.name.clone(), there.cloned().collect());
        }
    }
    // A row that is owned by being pointed at gets its owner from the pointing one.
    let adopted = super::tenant_column::adoptions(design);
    for a in &adopted {
        select(a.owned.clone(), a.owned_columns.clone());
    }
    needed
        .iter()
        .filter(|(_, columns)| !columns.is_empty())
        .filter_map(|(name, columns)| {
            let owner = &design.catalog.table(name)?.owner;
            let on = table_object(name, owner);
            let keeper = &design.roles.keeper;
            let mut step = table(Phase::Apply, name, format!("Let the keeper read what leads from or to {name}"));
            step.lock = Lock::None;
            step.up = vec![acl::grant(&format!("SELECT ({})", list(columns)), &on, Some(keeper))];
            step.down = vec![acl::revoke("ALL", &on, Some(keeper))];
            Some(step)
        })
        .collect()
}
