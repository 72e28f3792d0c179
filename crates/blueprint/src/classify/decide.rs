//! Weighs the evidence and writes the verdicts.

use std::collections::BTreeMap;

use tenantry_model::{Ident, KeyKind};

use super::facts::Facts;
use super::references::Role;
use super::rules::{self, Case, Evidence, Rule, Settled};
use super::{Class, Classification, Hop, Root, Verdict, membership, root};
use crate::catalog::Catalog;
use crate::registry::{Registry, TableEntry};

/// A scoped class wins against a shared one unless the latter is this much surer: a leak is worse than a lock-out.
const BENEFIT_OF_DOUBT: f64 = 0.1;

/// Classifies a whole database.
pub(super) fn run(catalog: &Catalog, registry: &Registry) -> Classification {
    let facts = Facts::new(catalog);
    let (root, root_table) = super::registered::root(&facts, registry).unwrap_or_else(|| root::find(&facts));
    let entries: Vec<Option<&TableEntry>> = facts.tables.iter().map(|t| registry.table(&t.name)).collect();
    let judge = Judge::new(&facts, &root, root_table);
    let found = judge.all(&entries);
    let tables = (0..facts.tables.len()).map(|t| verdict(&facts, registry, entries[t], t, &found[t])).collect();
    Classification { root, tables }
}

struct Judge<'a> {
    facts: &'a Facts<'a>,
    root: Option<usize>,
    root_column: Option<&'a Ident>,
    tenant_columns: Vec<Ident>,
    has_members: bool,
}

impl<'a> Judge<'a> {
    fn new(facts: &'a Facts<'a>, root: &'a Root, root_table: Option<usize>) -> Self {
        let has_members =
            root_table.is_some_and(|r| (0..facts.tables.len()).any(|t| membership::joins_root(facts, t, r)));
        Self {
            facts,
            root: root_table,
            root_column: root.column.as_ref(),
            tenant_columns: tenant_columns(facts, root_table),
            has_members,
        }
    }

    /// The evidence each table is judged by, best first.
    fn all(&self, entries: &[Option<&TableEntry>]) -> Vec<Vec<Evidence>> {
        let mut found: Vec<Vec<Evidence>> = vec![Vec::new(); entries.len()];
        let mut settled: Vec<Option<Settled>> = entries
            .iter()
            .enumerate()
            .map(|(t, e)| {
                e.filter(|e| e.class != Class::Unknown && !wants_path(e))
                    .map(|e| Settled { class: e.class, path: registered_path(self.facts, t, e) })
            })
            .collect();
        if self.root.is_none() && self.root_column.is_none() {
            self.single(&mut found, &mut settled);
            return found;
        }
        self.round(rules::OWN, &mut found, &mut settled);
        self.until_still(rules::PATH, true, &mut found, &mut settled);
        self.refine(&mut found, &mut settled);
        // whoever refers to a table that is not settled waits for it: it may turn out to be a tenant's
        while self.until_still(rules::REST, true, &mut found, &mut settled)
            | self.until_still(rules::LAST, true, &mut found, &mut settled)
        {}
        // what is left refers to itself in circles
        self.until_still(rules::REST, false, &mut found, &mut settled);
        self.until_still(rules::LAST, false, &mut found, &mut settled);
        self.refine(&mut found, &mut settled);
        found
    }

    fn single(&self, found: &mut [Vec<Evidence>], settled: &mut [Option<Settled>]) {
        let [bookkeeping, lists, child, top] = rules::SINGLE else { return };
        self.round(std::slice::from_ref(bookkeeping), found, settled);
        self.round(std::slice::from_ref(lists), found, settled);
        // children follow parents, and what is nobody's child is top: decided in the order of the references
        let open: Vec<usize> = (0..settled.len()).filter(|&t| settled[t].is_none()).collect();
        let mut provisional = settled.to_vec();
        for &t in &open {
            provisional[t] = Some(Settled { class: Class::Direct, path: Vec::new() });
        }
        for &t in &open {
            let evidence = [child, top].iter().find_map(|r| (r.judge)(&self.case(t, &provisional)));
            found[t].extend(evidence);
        }
        for &t in &open {
            settled[t] = found[t].first().map(|e| Settled { class: e.class, path: e.path.clone() });
        }
    }

    fn case<'c>(&'c self, table: usize, settled: &'c [Option<Settled>]) -> Case<'c> {
        Case {
            facts: self.facts,
            table,
            root: self.root,
            root_column: self.root_column,
            tenant_columns: &self.tenant_columns,
            has_members: self.has_members,
            settled,
        }
    }

    /// Every rule looks at every table that is not settled; the best evidence settles it.
    fn round(&self, rules: &[Rule], found: &mut [Vec<Evidence>], settled: &mut [Option<Settled>]) -> bool {
        let before: Vec<Option<Settled>> = settled.to_vec();
        let mut changed = false;
        for t in (0..before.len()).filter(|&t| before[t].is_none()) {
            let mut evidence: Vec<Evidence> = rules.iter().filter_map(|r| (r.judge)(&self.case(t, &before))).collect();
            // a way that comes back to its own table leads nowhere
            evidence.retain(|e| e.path.iter().all(|hop| hop.references != self.facts.tables[t].name));
            evidence.sort_by(|a, b| favoured(b).total_cmp(&favoured(a)));
            if let Some(best) = evidence.first() {
                settled[t] = Some(Settled { class: best.class, path: best.path.clone() });
                found[t] = evidence;
                changed = true;
            }
        }
        changed
    }

    /// Rounds until nothing changes; says whether anything did.
    fn until_still(
        &self,
        rules: &[Rule],
        patient: bool,
        found: &mut [Vec<Evidence>],
        settled: &mut [Option<Settled>],
    ) -> bool {
        let mut changed_ever = false;
        // surest evidence first, so that a table reached by a certain and a doubtful way gets the certain one
        for least in [0.95, 0.85, 0.7, 0.5, 0.3, 0.0] {
            loop {
                let (mut f, mut s) = (found.to_vec(), settled.to_vec());
                if !self.round(rules, &mut f, &mut s) {
                    break;
                }
                let ripe: Vec<usize> = (0..s.len())
                    .filter(|&t| settled[t].is_none() && f[t].first().is_some_and(|e| e.weight >= least))
                    .filter(|&t| !patient || f[t][0].class.is_scoped() || !self.waits(t, settled))
                    .collect();
                if ripe.is_empty() {
                    break;
                }
                for t in ripe {
                    settled[t] = s[t].take();
                    found[t] = std::mem::take(&mut f[t]);
                    changed_ever = true;
                }
            }
        }
        changed_ever
    }

    /// The table refers to another that is not settled.
    fn waits(&self, t: usize, settled: &[Option<Settled>]) -> bool {
        self.facts.references[t].iter().any(|r| {
            let did = r.role == Role::Actor && self.facts.people[r.target];
            r.target != t && !did && r.role != Role::Pointer && settled[r.target].is_none()
        })
    }

    /// Scoped tables may turn out to be memberships.
    fn refine(&self, found: &mut [Vec<Evidence>], settled: &mut [Option<Settled>]) {
        let before = settled.to_vec();
        for t in 0..before.len() {
            for rule in rules::REFINE {
                let (Some(evidence), Some(first)) = ((rule.judge)(&self.case(t, &before)), found[t].first_mut()) else {
                    continue;
                };
                first.class = evidence.class;
                first.reason = format!("{}; {}", evidence.reason, first.reason);
                if let Some(s) = &mut settled[t] {
                    s.class = evidence.class;
                }
            }
        }
    }
}

fn favoured(e: &Evidence) -> f64 {
    if e.class.is_scoped() { e.weight + BENEFIT_OF_DOUBT } else { e.weight }
}

/// Names of columns that refer to the root, most frequent first.
fn tenant_columns(facts: &Facts<'_>, root: Option<usize>) -> Vec<Ident> {
    let Some(root) = root else { return Vec::new() };
    let mut counts: BTreeMap<&Ident, usize> = BTreeMap::new();
    for &(from, n) in &facts.incoming[root] {
        let r = &facts.references[from][n];
        if let ([column], Role::Owner) = (r.columns.as_slice(), r.role)
            && from != root
            && !matches!(
                column.as_str(),
                "id" | "owner_id" | "parent_id" | "ownerId" | "parentId" | "user_id" | "userId"
            )
        {
            *counts.entry(column).or_default() += 1;
        }
    }
    let most = counts.values().copied().max().unwrap_or(0);
    let mut list: Vec<(&Ident, usize)> = counts.into_iter().filter(|(_, n)| *n >= 2 && n * 10 >= most).collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    list.into_iter().map(|(c, _)| c.clone()).collect()
}

/// The registry says that a table reaches its tenant and leaves it to the rules to find the way.
fn wants_path(entry: &TableEntry) -> bool {
    matches!(entry.class, Class::Indirect | Class::Membership) && entry.column.is_none() && entry.path.is_empty()
}

fn registered_path(facts: &Facts<'_>, t: usize, entry: &TableEntry) -> Vec<Hop> {
    super::registered::path(facts, t, entry).unwrap_or_default()
}

fn verdict(
    facts: &Facts<'_>,
    registry: &Registry,
    entry: Option<&TableEntry>,
    t: usize,
    found: &[Evidence],
) -> Verdict {
    let table = facts.tables[t];
    let best = found.first();
    let mut verdict = Verdict {
        table: table.name.clone(),
        class: best.map_or(Class::Unknown, |e| e.class),
        column: best.and_then(|e| e.column.clone()),
        scope_column: None,
        path: best.map(|e| e.path.clone()).unwrap_or_default(),
        nullable: best.is_some_and(|e| e.nullable),
        confidence: best.map_or(0.0, |e| e.weight),
        reasons: found.iter().take(3).map(|e| e.reason.clone()).collect(),
        question: best.and_then(|e| e.question.clone()),
        registered: false,
        protected: super::protection::is_protected(table),
    };
    if verdict.class.is_scoped() && verdict.nullable && verdict.question.is_none() {
        verdict.question = super::nullable::question(&verdict);
    }
    if let Some(entry) = entry {
        super::registered::apply(facts, t, entry, &mut verdict);
    }
    verdict.scope_column = super::registered::scope_column(table, entry, registry);
    verdict
}

/// The kind of tenant key a column could hold.
pub(super) fn kind_of(facts: &Facts<'_>, t: usize, column: &Ident) -> Option<KeyKind> {
    facts.column(t, column).and_then(|c| c.key_kind())
}
