//! In a database without tenancy: everything else would get the tenant column.

use super::{Case, Evidence};
use crate::classify::{Class, auth};

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    if auth::is_login_table(case.facts, case.table) && case.references().is_empty() && !case.facts.people[case.table] {
        let mut e = Evidence::new(Class::Unknown, 0.7, "a table of logins that names no person in a column");
        e.question =
            Some("Are these logins kept per tenant (direct), or found before the tenant is known (shared)?".into());
        return Some(e);
    }
    Some(Evidence::new(
        Class::Direct,
        if case.facts.people[case.table] { 0.75 } else { 0.8 },
        "no parent owns it; it would get the tenant column once there is a tenant table",
    ))
}
