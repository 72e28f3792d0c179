//! A pair of columns names a row of any table (`owner_type`, `owner_id`): no foreign key can stand there.

use tenantry_model::Ident;

use super::{Case, Evidence};
use crate::classify::{Class, references};

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let pair = pair(case)?;
    let mut e = Evidence::new(
        Class::Unknown,
        0.75,
        format!("`{}` and `{}` together refer to rows of several tables", pair.0, pair.1),
    );
    e.question = Some(format!(
        "`{}` says which table `{}` refers to. Do all of those belong to a tenant (then: direct, with a tenant column to be filled by the application), \
         or are rows of the whole installation among them (then: shared)?",
        pair.0, pair.1
    ));
    Some(e)
}

/// The first such pair of columns.
pub(super) fn pair(case: &Case<'_>) -> Option<(Ident, Ident)> {
    let table = case.facts.tables[case.table];
    table
        .columns
        .iter()
        .filter(|c| !case.references().iter().any(|r| r.columns.contains(&c.name)))
        .find_map(|id| Some((references::kind_beside(table, &id.name)?.clone(), id.name.clone())))
}
