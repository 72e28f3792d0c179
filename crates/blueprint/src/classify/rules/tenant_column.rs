//! The table has the tenant's key in a column of its own.
//!
//! Not every such column says whose the row is: a person's last workspace is a pointer, and where a
//! membership table exists, a nullable tenant column of a person is one too.

use tenantry_model::Ident;

use super::{Case, Evidence};
use crate::catalog::Column;
use crate::classify::references::{Reference, Role};
use crate::classify::{Class, auth, words};

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let root = case.root;
    let mut found: Vec<(Vec<u8>, Evidence)> = Vec::new();
    for r in case.references().iter().filter(|r| Some(r.target) == root && case.root.is_some()) {
        if Some(case.table) == root || r.columns.len() != 1 || relates_two(case, r) || is_pointer(case, r) {
            continue;
        }
        let column = &r.columns[0];
        let usual = case.tenant_columns.iter().position(|c| c == column).unwrap_or(9).min(9) as u8;
        let order = vec![u8::from(r.role != Role::Owner), u8::from(r.nullable), usual, u8::from(!r.enforced)];
        found.push((order, evidence(case, r)));
    }
    if found.is_empty()
        && let Some(e) = by_name(case)
    {
        return Some(e);
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.into_iter().next().map(|(_, e)| e)
}

fn evidence(case: &Case<'_>, r: &Reference) -> Evidence {
    let column = &r.columns[0];
    let root = case.name(r.target);
    let mut weight: f64 = if r.enforced { 0.99 } else { 0.94 };
    if r.nullable {
        weight -= 0.08;
    }
    if r.type_differs {
        weight -= if r.nullable { 0.3 } else { 0.15 };
    }
    let reason = match (r.enforced, r.type_differs) {
        (true, _) => format!("foreign key {} to the root {root}", super::list(&r.columns)),
        (false, false) => format!("column `{column}` names the root {root} and has its key's type (no foreign key)"),
        (false, true) => format!("column `{column}` names the root {root}, though its type is text and the key is not"),
    };
    let question = if r.type_differs && r.nullable {
        Some(format!("Does `{column}` hold the key of {root}, or an id of another service?"))
    } else if case.facts.people[case.table] && case.has_members {
        Some(format!(
            "A membership table joins people to {root}, and each person also has one `{column}`. Does a person belong to that one \
             (then: direct), or is it only where the person starts (then: shared)?"
        ))
    } else {
        None
    };
    let mut e = Evidence::new(if question.is_some() { Class::Unknown } else { Class::Direct }, weight, reason);
    e.column = Some(column.clone());
    e.nullable = r.nullable;
    e.question = question;
    e
}

/// Tenancy is only a column, or the table has the usual tenant column without being linked to the root.
fn by_name(case: &Case<'_>) -> Option<Evidence> {
    if Some(case.table) == case.root {
        return None;
    }
    let named = |name: &Ident| -> Option<&Column> {
        case.facts.tables[case.table]
            .columns
            .iter()
            .find(|c| words::words(c.name.as_str()) == words::words(name.as_str()) && c.key_kind().is_some())
    };
    let usual = case.root_column.into_iter().chain(case.tenant_columns);
    let column = usual
        .filter_map(named)
        .find(|c| !case.references().iter().any(|r| r.columns == [c.name.clone()]) && !is_key_alone(case, &c.name))?;
    if case.facts.people[case.table] && !column.not_null && case.has_members {
        return None;
    }
    let mut e = Evidence::new(
        Class::Direct,
        if column.not_null { 0.93 } else { 0.85 },
        format!("column `{}` is named like the tenant column of the other tables", column.name),
    );
    e.column = Some(column.name.clone());
    e.nullable = !column.not_null;
    Some(e)
}

/// The column is the table's whole key and others refer to it: the table is about that thing, not owned by it.
fn is_key_alone(case: &Case<'_>, column: &Ident) -> bool {
    let table = case.facts.tables[case.table];
    case.root.is_some()
        && table.primary_key.as_ref().is_some_and(|k| k.columns == [column.clone()])
        && case.facts.incoming[case.table].iter().any(|(from, _)| *from != case.table)
}

/// The reference is the parent or child side of a relation between two tenants.
fn relates_two(case: &Case<'_>, r: &Reference) -> bool {
    r.role == Role::Relation
        && case.references().iter().any(|o| o.target == r.target && o.columns != r.columns && o.role == Role::Relation)
}

fn is_pointer(case: &Case<'_>, r: &Reference) -> bool {
    let person = case.facts.people[case.table];
    let session = auth::is_login_table(case.facts, case.table) && case.facts.has_word(case.table, &["session"]);
    match r.role {
        Role::Pointer => r.nullable || person || session,
        _ => (person || session) && r.nullable && case.has_members,
    }
}
