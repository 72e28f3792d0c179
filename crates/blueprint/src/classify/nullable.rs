//! What to ask where the tenant of a row may be NULL.

use super::Verdict;

/// The question, or nothing where NULL can only come from a hop the plan follows anyway.
pub(super) fn question(verdict: &Verdict) -> Option<String> {
    let column = match (&verdict.column, verdict.path.first()) {
        (Some(column), _) => column.to_string(),
        (None, Some(hop)) if hop.nullable && !hop.reverse => hop.columns.first()?.to_string(),
        _ => return None,
    };
    Some(format!(
        "`{column}` may be NULL. What is such a row: offered to all tenants (null_tenant = \"shared\"), a person's own (\"personal\"), \
         left behind by a deleted parent (\"orphan\"), or never written (\"never\")?"
    ))
}
