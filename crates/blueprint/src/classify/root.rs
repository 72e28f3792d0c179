//! Finds where tenancy starts: a table, a column where there is no such table, or nowhere yet.

use std::collections::BTreeMap;

use tenantry_model::{Ident, KeyKind, QualifiedName};

use super::facts::Facts;
use super::references::{Reference, Role};
use super::{Root, auth, bookkeeping, membership, words};

/// What speaks for a table as the root.
#[derive(Clone, Debug)]
struct Candidate {
    table: usize,
    word: f64,
    /// Tables that refer to it directly.
    direct: usize,
    /// Tables that reach it somehow, itself left out.
    reached: usize,
    /// Share of the application's tables that reach it.
    share: f64,
    members: bool,
    score: f64,
}

impl Candidate {
    /// The table, and what speaks for it.
    fn described(&self, facts: &Facts<'_>) -> (QualifiedName, String) {
        let text = format!("{} tables refer to it directly, {:.0} % reach it", self.direct, self.share * 100.0);
        (facts.tables[self.table].name.clone(), text)
    }
}

/// The root as the rules find it, and its table's number.
pub(super) fn find(facts: &Facts<'_>) -> (Root, Option<usize>) {
    // people and their logins may belong to nobody: they count where they are reached, and nowhere else
    let counted: Vec<bool> = (0..facts.tables.len())
        .map(|t| !facts.people[t] && !bookkeeping::is_bookkeeping(facts, t) && !auth::is_login_table(facts, t))
        .collect();
    let total = counted.iter().filter(|c| **c).count().max(1);
    let mut all: Vec<Candidate> =
        (0..facts.tables.len()).filter(|&t| counted[t]).filter_map(|t| candidate(facts, t, &counted, total)).collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.table.cmp(&b.table)));
    let (candidates, weak): (Vec<Candidate>, Vec<Candidate>) = all.into_iter().partition(passes);
    let column = column_only(facts, &counted);
    let everything: Vec<Candidate> = candidates.iter().chain(&weak).cloned().collect();
    let best = candidates.first().map(|first| topmost(facts, first, &everything));
    match (best, column) {
        (Some(best), column) if column.as_ref().is_none_or(|c| c.tables <= best.reached) => {
            (table_root(facts, best, &candidates), Some(best.table))
        }
        (_, Some(column)) => (column.into_root(), None),
        // nothing is believed, but somebody may know better
        _ => {
            let named = weak.iter().filter(|c| c.word > 0.0 || c.members).take(3);
            (Root { alternatives: named.map(|c| c.described(facts)).collect(), ..none() }, None)
        }
    }
}

fn candidate(facts: &Facts<'_>, t: usize, counted: &[bool], total: usize) -> Option<Candidate> {
    if facts.incoming[t].iter().filter(|(from, _)| *from != t).count() < 1 || single_key(facts, t).is_none() {
        return None;
    }
    let members = (0..facts.tables.len()).any(|m| membership::joins_root(facts, m, t));
    let person_like = facts.has_column(t, &["username", "firstname", "lastname", "birthday", "gender"]);
    let login_of_another_service = facts.has_column(t, &["provideraccountid", "provideruserid", "refreshtoken"]);
    if (person_like || login_of_another_service) && !members {
        return None;
    }
    let reached = closure(facts, t, members);
    let direct = (0..facts.tables.len())
        .filter(|&f| f != t && facts.references[f].iter().any(|r| r.target == t && belongs(facts, f, r, members)))
        .count();
    let inside = reached.iter().filter(|r| **r).count();
    let outside = reached.iter().zip(counted).filter(|(r, c)| !**r && **c).count() as f64;
    let share = inside as f64 / (inside as f64 + outside).max(1.0);
    let word = name_weight(&facts.names[t]);
    let score = share + 0.5 * direct as f64 / total as f64 + 0.6 * word + if members { 0.3 } else { 0.0 };
    Some(Candidate { table: t, word, direct, reached: inside.saturating_sub(1), share, members, score })
}

/// The weight of a table's name: its last word, less if other words stand before it.
fn name_weight(stems: &[String]) -> f64 {
    let stems: Vec<&String> =
        stems.iter().filter(|w| !matches!(w.as_str(), "table" | "entity" | "model" | "tbl")).collect();
    let Some(last) = stems.last() else { return 0.0 };
    let weight = words::tenant_word(last);
    match stems.len() {
        1 => weight,
        2 => weight * 0.9,
        _ => weight * 0.6,
    }
}

/// Enough speaks for it to be believed without asking; weak names need more tables behind them.
fn passes(c: &Candidate) -> bool {
    if c.direct < 2 {
        return false;
    }
    match c.word {
        w if w >= 0.65 => c.share >= if c.members { 0.25 } else { 0.35 },
        w if w >= 0.4 => c.share >= if c.members { 0.45 } else { 0.6 },
        _ => c.members && c.share >= 0.65 && c.direct >= 4,
    }
}

/// Climbs from a candidate to the one it belongs to itself (project → organisation): to one that could be believed
/// alone, or that nearly the whole schema hangs on, whatever its name.
fn topmost<'c>(facts: &Facts<'_>, first: &'c Candidate, all: &'c [Candidate]) -> &'c Candidate {
    let mut at = first;
    for _ in 0..all.len() {
        let above = all.iter().find(|up| {
            up.table != at.table
                && up.share >= at.share - 0.02
                && (passes(up) && (up.word >= 0.6 || up.members)
                    || up.share >= 0.8 && up.direct >= 8
                    || up.word >= 0.75)
                && facts.references[at.table]
                    .iter()
                    .any(|r| r.target == up.table && r.role != Role::Pointer && (!r.nullable || up.word >= 0.9))
                && !facts.references[up.table].iter().any(|r| r.target == at.table && !r.nullable)
        });
        match above {
            Some(up) => at = up,
            None => break,
        }
    }
    at
}

/// Tables whose rows reach `root` by references that look like belonging.
pub(super) fn closure(facts: &Facts<'_>, root: usize, members: bool) -> Vec<bool> {
    let mut reached = vec![false; facts.tables.len()];
    reached[root] = true;
    let mut queue = vec![root];
    while let Some(at) = queue.pop() {
        for &(from, n) in &facts.incoming[at] {
            if !reached[from] && belongs(facts, from, &facts.references[from][n], members) {
                reached[from] = true;
                queue.push(from);
            }
        }
    }
    reached
}

/// True if a reference may carry ownership. People with a membership table belong to many tenants, whatever
/// nullable column they have beside it.
pub(super) fn belongs(facts: &Facts<'_>, from: usize, r: &Reference, members: bool) -> bool {
    let who_did_it = r.role == Role::Actor && facts.people[r.target];
    let visitor = facts.people[from] && r.nullable && members;
    let last_seen = r.role == Role::Pointer && (r.nullable || facts.people[from]);
    !(who_did_it || visitor || last_seen || r.type_differs)
}

/// The one key column other tables refer to.
pub(super) fn single_key(facts: &Facts<'_>, t: usize) -> Option<Ident> {
    match facts.tables[t].primary_key.as_ref().map(|k| k.columns.as_slice()) {
        Some([one]) => Some(one.clone()),
        _ => {
            // (app, tenant) keys: the column most others refer to
            let mut counts: BTreeMap<&Ident, usize> = BTreeMap::new();
            for &(from, n) in &facts.incoming[t] {
                if let [one] = facts.references[from][n].target_columns.as_slice() {
                    *counts.entry(one).or_default() += 1;
                }
            }
            counts.into_iter().max_by_key(|(c, n)| (*n, std::cmp::Reverse(*c))).map(|(c, _)| c.clone())
        }
    }
}

fn table_root(facts: &Facts<'_>, best: &Candidate, all: &[Candidate]) -> Root {
    let key = single_key(facts, best.table);
    let kind = key.as_ref().and_then(|k| facts.column(best.table, k)).and_then(|c| c.key_kind());
    let mut reasons = vec![format!(
        "{} tables reach it ({:.0} % of the application's), {} of them directly",
        best.reached,
        best.share * 100.0,
        best.direct
    )];
    if best.word > 0.0 {
        reasons.push("its name is a usual one for a tenant".into());
    }
    if best.members {
        reasons.push("a membership table joins people to it".into());
    }
    let alternatives = all.iter().filter(|c| c.table != best.table).take(4).map(|c| c.described(facts)).collect();
    // a word that also names a level below the tenant, or none at all: only a person knows
    let question = (best.word < 0.55).then(|| {
        format!(
            "Is {} the table of your customers, one row per tenant? Or does the application serve one customer yet \
             (then name the table to be made: create = true)?",
            facts.tables[best.table].name
        )
    });
    let confidence = (0.45 + 0.3 * best.share + 0.2 * best.word + if best.members { 0.08 } else { 0.0 }).min(0.99);
    Root {
        table: Some(facts.tables[best.table].name.clone()),
        key: key.into_iter().collect(),
        column: None,
        kind,
        confidence,
        reasons,
        alternatives,
        question,
    }
}

/// No tenancy yet.
pub(super) fn none() -> Root {
    Root {
        table: None,
        key: Vec::new(),
        column: None,
        kind: None,
        confidence: 0.8,
        reasons: vec!["no table and no column holds a tenant that most other tables belong to".into()],
        alternatives: Vec::new(),
        question: None,
    }
}

/// A tenant column without a tenant table.
struct TenantColumn {
    name: Ident,
    kind: Option<KeyKind>,
    tables: usize,
    total: usize,
}

impl TenantColumn {
    fn into_root(self) -> Root {
        Root {
            table: None,
            key: Vec::new(),
            reasons: vec![format!(
                "{} of {} tables have the column `{}`, and no table lists its values",
                self.tables, self.total, self.name
            )],
            column: Some(self.name),
            kind: self.kind,
            confidence: 0.85,
            alternatives: Vec::new(),
            question: None,
        }
    }
}

/// The column that most tables carry and whose name says tenant, if it refers to no table.
fn column_only(facts: &Facts<'_>, counted: &[bool]) -> Option<TenantColumn> {
    let mut seen: BTreeMap<&Ident, (usize, f64, Option<KeyKind>)> = BTreeMap::new();
    for t in (0..facts.tables.len()).filter(|t| counted[*t]) {
        for column in &facts.tables[t].columns {
            let stems =
                words::reference_stems(column.name.as_str()).unwrap_or_else(|| words::stems(column.name.as_str()));
            let [stem] = stems.as_slice() else { continue };
            let weight = words::tenant_word(stem);
            let refers = facts.references[t].iter().any(|r| r.columns.contains(&column.name));
            if weight > 0.0 && !refers && column.key_kind().is_some() {
                let entry = seen.entry(&column.name).or_insert((0, weight, column.key_kind()));
                entry.0 += 1;
            }
        }
    }
    let total = counted.iter().filter(|c| **c).count();
    let enough = |n: usize, weight: f64| {
        let share = n as f64 / total.max(1) as f64;
        n >= 3 && share >= if weight >= 0.9 { 0.25 } else { 0.4 }
    };
    seen.into_iter()
        .filter(|(_, (n, weight, _))| enough(*n, *weight))
        .max_by(|a, b| {
            (a.1.0, a.1.1).partial_cmp(&(b.1.0, b.1.1)).unwrap_or(std::cmp::Ordering::Equal).then(b.0.cmp(a.0))
        })
        .map(|(name, (tables, _, kind))| TenantColumn { name: name.clone(), kind, tables, total })
}
