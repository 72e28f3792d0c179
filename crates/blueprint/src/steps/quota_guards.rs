//! The guard of a resource, on its table and on every partition: from here on every change is written down. No tenant
//! has a limit yet, so no statement is refused.
//!
//! Making a trigger waits for the writers under way, and they for it, for a moment. So each change is either counted by
//! the first count of all or written down, never both.

use super::{object, table_object};
use crate::ddl::acl::{self, Kind, Object};
use crate::ddl::function;
use crate::file::{Lock, Phase, Step};
use crate::plan::design::Design;

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let keeper = &design.roles.keeper;
    let mut out = Vec::new();
    for r in &design.resources {
        let guard = &r.guard;
        let mut step = object(
            Phase::Apply,
            guard.resource.clone(),
            format!("Guard {} of {}: every change is counted", guard.resource, guard.table),
        );
        step.table = Some(guard.table.clone());
        step.lock = Lock::ShareRowExclusive;
        for relation in r.relations.iter().filter_map(|(name, _)| design.catalog.table(name)) {
            let on = table_object(&relation.name, &relation.owner);
            for column in r.reads.iter().filter(|c| relation.column(c.as_str()).is_none()) {
                step.up.push(acl::grant(&format!("SELECT ({})", column.quoted()), &on, Some(keeper)));
            }
        }
        step.up.extend(super::quota_tables::as_keeper(design, vec![guard.declare()]));
        let count = guard.count_signature();
        let on = Object { kind: Kind::Function, sql: count.clone(), owner: keeper.clone() };
        step.up.push(function::count(&count, &guard.count_body()));
        step.up.push(acl::revoke("ALL", &on, None));
        step.up.push(crate::ddl::table::function_owner(&count, keeper));
        step.up.extend(function::guard(&guard.function(), keeper, &guard.body()));
        for (relation, holds_rows) in &r.relations {
            step.up.extend(guard.create_triggers(relation, *holds_rows));
            step.down.extend(guard.triggers(*holds_rows).iter().map(|t| function::drop_trigger(relation, t)));
        }
        step.down.push(function::drop_trigger_function(&guard.function()));
        step.down.push(format!("DROP FUNCTION IF EXISTS {count}"));
        step.down.extend(super::quota_tables::as_keeper(design, guard.forget()));
        out.push(step);
    }
    out
}
