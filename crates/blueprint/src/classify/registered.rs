//! The registry's word: it wins over every rule.

use tenantry_model::{Ident, QualifiedName};

use super::facts::Facts;
use super::{Class, Hop, Root, Verdict, decide, root};
use crate::catalog::Table;
use crate::registry::{Registry, TableEntry};

/// The root the registry names, and its table's number.
pub(super) fn root(facts: &Facts<'_>, registry: &Registry) -> Option<(Root, Option<usize>)> {
    let entry = registry.root.as_ref()?;
    let said = vec!["the registry says so".to_owned()];
    if let Some(column) = entry.column.as_deref().filter(|_| entry.table.is_none()) {
        let column = Ident::new(column).ok()?;
        let kind = (0..facts.tables.len()).find_map(|t| decide::kind_of(facts, t, &column));
        return Some((Root { column: Some(column), kind, confidence: 1.0, reasons: said, ..root::none() }, None));
    }
    let name: QualifiedName = entry.table.as_deref()?.parse().ok()?;
    let Some(t) = facts.position(&name) else {
        // to be made by `plan --create-root`: until then there is no tenancy
        return Some((Root { confidence: 1.0, reasons: said, ..root::none() }, None));
    };
    let key = match entry.key.as_deref() {
        Some(key) => Ident::new(key).ok(),
        None => root::single_key(facts, t),
    };
    let kind = key.as_ref().and_then(|k| decide::kind_of(facts, t, k));
    Some((
        Root {
            table: Some(name),
            key: key.into_iter().collect(),
            kind,
            confidence: 1.0,
            reasons: said,
            ..root::none()
        },
        Some(t),
    ))
}

/// Puts the entry's decisions into the verdict.
pub(super) fn apply(facts: &Facts<'_>, t: usize, entry: &TableEntry, verdict: &mut Verdict) {
    verdict.registered = true;
    let column = entry.column.as_deref().and_then(|c| Ident::new(c).ok());
    if entry.class != Class::Unknown {
        let same = verdict.class == entry.class;
        verdict.class = entry.class;
        verdict.confidence = 1.0;
        verdict.question = None;
        let rules_path = std::mem::take(&mut verdict.path);
        verdict.path = match path(facts, t, entry) {
            Some(path) => path,
            None if entry.class.is_scoped() && column.is_none() => rules_path,
            None => Vec::new(),
        };
        let reason = entry.reason.as_ref().map(|r| format!("the registry: {r}"));
        if !same {
            verdict.reasons.clear();
        }
        verdict.reasons.insert(0, reason.unwrap_or_else(|| "the registry says so".into()));
    }
    if column.is_some() || !entry.class.is_scoped() && entry.class != Class::Unknown {
        verdict.column = column;
    }
    verdict.nullable = match &verdict.column {
        Some(c) => facts.column(t, c).is_some_and(|c| !c.not_null),
        None => verdict.path.iter().any(|h| h.nullable),
    };
    if entry.null_tenant.is_none() && entry.class.is_scoped() && verdict.nullable {
        verdict.question = super::nullable::question(verdict);
    }
}

/// The path the registry writes, hop by hop; `None` if it writes none or one that cannot be read
/// (the registry's own check says so).
pub(super) fn path(facts: &Facts<'_>, t: usize, entry: &TableEntry) -> Option<Vec<Hop>> {
    let hops = crate::registry::hops(&entry.path).ok()?;
    if hops.is_empty() {
        return None;
    }
    let mut at = Some(t);
    let mut path = Vec::new();
    for mut hop in hops {
        let target = facts.position(&hop.references);
        if let (Some(from), Some(to)) = (at, target) {
            let (holder, held) = if hop.reverse { (to, &hop.referenced_columns) } else { (from, &hop.columns) };
            hop.nullable = hop.reverse || held.iter().any(|c| facts.column(holder, c).is_none_or(|c| !c.not_null));
            hop.enforced = facts.references[holder].iter().any(|r| r.enforced && &r.columns == held);
        }
        at = target;
        path.push(hop);
    }
    Some(path)
}

/// The second level's column, if the registry names a scope and the table has it.
pub(super) fn scope_column(table: &Table, entry: Option<&TableEntry>, registry: &Registry) -> Option<Ident> {
    let scope = registry.scope.as_ref()?;
    let name = entry.and_then(|e| e.scope_column.as_deref()).unwrap_or(&scope.column);
    table.column(name).map(|c| c.name.clone())
}
