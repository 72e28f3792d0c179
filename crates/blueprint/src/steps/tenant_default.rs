//! The default of the tenant column: the tenant of the transaction, or what it was for writers without one.

use tenantry_model::literal;

use super::table;
use crate::ddl::{column, policy};
use crate::file::{Phase, Step};
use crate::plan::design::{ColumnBound, Design, Fill, TableDesign};

/// The relations whose default changes, with the default each has until `complete`, and the one it had.
pub(super) fn defaults(
    t: &TableDesign<'_>,
    bound: &ColumnBound,
) -> Vec<(tenantry_model::QualifiedName, String, Option<String>)> {
    let context = policy::tenant_or_null(bound.kind);
    t.relations()
        .map(|relation| {
            let before = match &bound.fill {
                Some(Fill::Constant(tenant)) => Some(literal(tenant)),
                Some(Fill::Along(_)) => None,
                None => relation.column(bound.column.as_str()).and_then(|c| c.default.clone()),
            };
            let during = match &before {
                Some(value) => format!("COALESCE({context}, {value})"),
                None => context.clone(),
            };
            (relation.name.clone(), during, before)
        })
        .collect()
}

/// Tables whose tenant column gets a default: not the root, which has a key of its own, nor identity columns.
pub(super) fn concerned<'d, 'a>(
    design: &'d Design<'a>,
) -> impl Iterator<Item = (&'d TableDesign<'a>, &'d ColumnBound)> {
    design.columns().filter(|(t, bound)| {
        Some(&t.table.name) != design.root.table.as_ref()
            && t.table.column(bound.column.as_str()).is_none_or(|c| c.identity.is_none() && !c.generated)
    })
}

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut out = Vec::new();
    for (t, bound) in concerned(design) {
        let name = &t.table.name;
        let mut step = table(Phase::Apply, name, format!("New rows of {name} get the tenant of their transaction"));
        for (relation, during, before) in defaults(t, bound) {
            step.up.push(column::default(&relation, &bound.column, Some(&during)));
            step.down.push(column::default(&relation, &bound.column, before.as_deref()));
        }
        out.push(step);
    }
    out
}
