//! A table that nothing refers to, that refers to nothing, and that has no column which could name anybody:
//! whatever it holds, it cannot tell tenants apart.

use super::{Case, Evidence};
use crate::classify::{Class, words};

/// Columns that hold what people wrote or who they are: such a table may well be a tenant's.
const OF_PEOPLE: &[&str] = &[
    "email",
    "toaddress",
    "fromaddress",
    "recipient",
    "sender",
    "phone",
    "body",
    "content",
    "message",
    "subject",
    "html",
    "text",
    "comment",
    "payload",
    "note",
    "query",
    "prompt",
    "response",
    "address",
    "ip",
    "ipaddress",
];

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let table = case.facts.tables[case.table];
    let linked = !case.references().is_empty() || !case.facts.incoming[case.table].is_empty();
    let names_something = table.columns.iter().any(|c| {
        let own_key = table.primary_key.as_ref().is_some_and(|k| k.columns == [c.name.clone()]);
        !own_key && words::reference_stems(c.name.as_str()).is_some()
    });
    let speaks_of_tenants = table.columns.iter().any(|c| {
        let stems = words::stems(c.name.as_str());
        stems
            .iter()
            .any(|w| words::tenant_word(w) >= 0.9 || case.root.is_some_and(|r| case.facts.names[r].last() == Some(w)))
    });
    if linked
        || names_something
        || speaks_of_tenants
        || case.facts.people[case.table]
        || case.facts.has_column(case.table, OF_PEOPLE)
    {
        return None;
    }
    Some(Evidence::new(Class::Shared, 0.55, "nothing leads to it or from it, and no column of it could name a tenant"))
}
