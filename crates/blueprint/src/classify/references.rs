//! Where a row points: declared foreign keys, and columns whose name and type say the same without one.

use std::collections::BTreeMap;

use tenantry_model::{Ident, QualifiedName};

use super::words;
use crate::catalog::{Action, Table};

/// What a reference is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Belongs to the thing referred to, as far as one can see.
    Owner,
    /// What somebody last looked at, or a default: says nothing about ownership.
    Pointer,
    /// Who did it.
    Actor,
    /// Relates two things of one kind (parent, source, target).
    Relation,
}

/// One reference from a table to another.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    /// Columns here.
    pub(super) columns: Vec<Ident>,
    /// The table referred to.
    pub(super) target: usize,
    /// Columns there.
    pub(super) target_columns: Vec<Ident>,
    /// A declared foreign key stands behind it.
    pub(super) enforced: bool,
    /// A column may be NULL.
    pub(super) nullable: bool,
    /// Rows go with the parent.
    pub(super) cascade: bool,
    /// Rows outlive the parent, with NULL here.
    pub(super) set_null: bool,
    /// What it is for.
    pub(super) role: Role,
    /// The column says more than the table's name (`max_order_id`).
    pub(super) qualified: bool,
    /// The types differ in kind (text here, uuid there): no foreign key could stand here.
    pub(super) type_differs: bool,
}

/// References of every table: declared ones in the catalog's order, then implied ones in column order.
pub(super) fn find(
    tables: &[&Table],
    names: &[Vec<String>],
    full_names: &[Vec<String>],
    places: &BTreeMap<QualifiedName, usize>,
) -> Vec<Vec<Reference>> {
    let directory = Directory::new(tables, names, full_names);
    (0..tables.len())
        .map(|t| {
            let mut found: Vec<Reference> = tables[t]
                .foreign_keys
                .iter()
                .filter_map(|fk| {
                    let target = *places.get(&fk.references)?;
                    Some(Reference {
                        columns: fk.columns.clone(),
                        target,
                        target_columns: fk.referenced_columns.clone(),
                        enforced: true,
                        nullable: fk.columns.iter().any(|c| tables[t].column(c.as_str()).is_none_or(|c| !c.not_null)),
                        cascade: fk.on_delete == Action::Cascade,
                        set_null: fk.on_delete == Action::SetNull,
                        role: fk
                            .columns
                            .iter()
                            .map(|c| role(c, &names[target]))
                            .find(|r| *r != Role::Owner)
                            .filter(|_| fk.columns.len() == 1)
                            .unwrap_or(Role::Owner),
                        qualified: false,
                        type_differs: false,
                    })
                })
                .collect();
            for column in &tables[t].columns {
                let declared = found.iter().any(|r| r.enforced && r.columns.len() == 1 && r.columns[0] == column.name);
                if declared || column.generated || kind_beside(tables[t], &column.name).is_some() {
                    continue;
                }
                let own = tables[t].primary_key.as_ref().is_some_and(|k| k.columns == [column.name.clone()])
                    && words::reference_stems(column.name.as_str())
                        .is_some_and(|s| s == names[t] || s == full_names[t]);
                if own {
                    continue;
                }
                if let Some(target) = directory.resolve(t, column) {
                    found.push(Reference {
                        columns: vec![column.name.clone()],
                        target: target.table,
                        target_columns: vec![target.key],
                        enforced: false,
                        nullable: !column.not_null,
                        cascade: false,
                        set_null: false,
                        role: role(&column.name, &names[target.table]),
                        qualified: target.qualified,
                        type_differs: target.type_differs,
                    });
                }
            }
            found
        })
        .collect()
}

/// What a reference column is for, from its name and the name of the table it refers to.
fn role(column: &Ident, target: &[String]) -> Role {
    let Some(stems) = words::reference_stems(column.as_str()) else { return Role::Owner };
    let ends_with_target = stems.len() > target.len() && stems.ends_with(target);
    let last = target.last().is_some_and(|t| stems.last() == Some(t));
    let qualifier = if ends_with_target {
        &stems[..stems.len() - target.len()]
    } else if last {
        &stems[..stems.len() - 1]
    } else {
        &stems[..]
    };
    if qualifier.iter().any(|w| words::is_pointer(w)) {
        Role::Pointer
    } else if words::is_actor(qualifier) {
        Role::Actor
    } else if qualifier.iter().any(|w| words::is_relation(w)) {
        Role::Relation
    } else {
        Role::Owner
    }
}

struct Target {
    table: usize,
    key: Ident,
    qualified: bool,
    type_differs: bool,
}

/// Words too common to name a table when others stand before them.
fn is_vague(word: &str) -> bool {
    const VAGUE: &[&str] = &[
        "key", "type", "item", "value", "record", "entry", "object", "resource", "data", "link", "version", "event",
        "session", "request", "message", "token", "option", "field", "state", "status", "job", "run", "task", "node",
        "action", "app", "client", "device", "model", "process", "trace",
    ];
    VAGUE.contains(&word)
}

/// For the `owner_id` of a polymorphic pair: its `owner_type`.
pub(crate) fn kind_beside<'t>(table: &'t Table, column: &Ident) -> Option<&'t Ident> {
    let mut stems = words::stems(column.as_str());
    if !matches!(stems.pop().as_deref(), Some("id" | "uuid" | "key" | "pk"))
        || stems.is_empty()
        || stems.iter().any(|w| words::is_foreign_service(w))
    {
        return None;
    }
    let kind = table.columns.iter().find(|c| {
        let mut w = words::stems(c.name.as_str());
        matches!(w.pop().as_deref(), Some("type" | "class" | "model" | "table" | "kind")) && w == stems
    });
    kind.map(|c| &c.name)
}

/// Tables by what columns may call them.
struct Directory<'a> {
    tables: &'a [&'a Table],
    full_names: &'a [Vec<String>],
    exact: BTreeMap<String, Vec<usize>>,
    last: BTreeMap<String, Vec<usize>>,
    /// The one table of users, whatever stands before the word in its name.
    users: Option<usize>,
}

impl<'a> Directory<'a> {
    fn new(tables: &'a [&'a Table], names: &[Vec<String>], full_names: &'a [Vec<String>]) -> Self {
        let mut exact: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut last: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for t in 0..tables.len() {
            for name in [&names[t], &full_names[t]] {
                let list = exact.entry(words::squashed(name)).or_default();
                if !list.contains(&t) {
                    list.push(t);
                }
            }
            // with `crm_` before several tables, `crm_contact` answers to `contact`
            let shared = |w: &String| full_names.iter().filter(|n| n.len() > 1 && n.first() == Some(w)).count() >= 3;
            if full_names[t].len() > 1 && full_names[t].first().is_some_and(shared) {
                last.entry(words::squashed(&full_names[t][1..])).or_default().push(t);
            }
        }
        Self { tables, full_names, exact, last, users: users(tables, full_names) }
    }

    /// The table a column means, if its name and its type say so.
    fn resolve(&self, from: usize, column: &crate::catalog::Column) -> Option<Target> {
        let family = Family::of(&column.data_type)?;
        let stems = match words::reference_stems(column.name.as_str()) {
            Some(stems) => stems,
            // `workspace uuid`: the bare name of a table, in a type nobody uses for anything else
            None if family == Family::Uuid => words::stems(column.name.as_str()),
            None => return None,
        };
        for skip in 0..stems.len() {
            let (qualifier, stem) = stems.split_at(skip);
            if qualifier.iter().any(|w| words::is_foreign_service(w)) {
                return None;
            }
            if skip > 0 && matches!(stem, [one] if is_vague(one)) {
                return None;
            }
            if let Some(target) = self.called(from, stem, skip).and_then(|t| self.fitting(from, t, family, skip)) {
                return Some(target);
            }
        }
        None
    }

    /// The table that goes by these words, seen from another one.
    fn called(&self, from: usize, stem: &[String], skip: usize) -> Option<usize> {
        let spelled_out: Vec<String> = stem.iter().map(|w| words::spelled_out(w).to_owned()).collect();
        for stem in [stem, &spelled_out] {
            if let Some(t) = self.exact.get(&words::squashed(stem)).and_then(|l| self.nearest(from, l)) {
                return Some(t);
            }
        }
        if skip > 0 {
            return None;
        }
        // only whole column names may call a table by the end of its name: with a prefix many tables share,
        // or with the words this table's own name begins with (`chat_room_members.room_id` means `chat_rooms`)
        if let Some(t) = self.last.get(&words::squashed(stem)).and_then(|l| self.nearest(from, l)) {
            return Some(t);
        }
        let own = &self.full_names[from];
        let siblings = (1..own.len()).rev().map(|n| [&own[..n], stem].concat());
        let sibling = siblings.filter_map(|s| self.exact.get(&words::squashed(&s))).find_map(|l| self.nearest(from, l));
        sibling.or(self.users.filter(|_| matches!(stem, [one] if matches!(one.as_str(), "user" | "member" | "uid"))))
    }

    /// The one table of the list, or the one in the same schema; `None` if there are several.
    fn nearest(&self, from: usize, list: &[usize]) -> Option<usize> {
        if let [one] = list {
            return Some(*one);
        }
        let schema = &self.tables[from].name.schema;
        let mut near = list.iter().filter(|t| &self.tables[**t].name.schema == schema);
        match (near.next(), near.next()) {
            (Some(one), None) => Some(*one),
            _ => None,
        }
    }

    /// The key of the table that a column of this type can hold.
    fn fitting(&self, from: usize, target: usize, family: Family, skip: usize) -> Option<Target> {
        let table = self.tables[target];
        let key = match table.primary_key.as_ref().map(|k| k.columns.as_slice()) {
            Some([one]) => table.column(one.as_str())?,
            // (tenant, id), or no key at all: the column called id
            _ => table.columns.iter().find(|c| matches!(c.name.as_str(), "id" | "uuid" | "ID" | "Id"))?,
        };
        if from == target && skip == 0 {
            return None;
        }
        match Family::of(&key.data_type) {
            Some(f) if f == family => {
                Some(Target { table: target, key: key.name.clone(), qualified: skip > 0, type_differs: false })
            }
            Some(Family::Uuid) if family == Family::Text && skip == 0 => {
                Some(Target { table: target, key: key.name.clone(), qualified: false, type_differs: true })
            }
            _ => None,
        }
    }
}

/// The one table whose name ends in `user` and that looks like people: `auth_user`, `core_users`.
fn users(tables: &[&Table], full_names: &[Vec<String>]) -> Option<usize> {
    let mut found = (0..tables.len()).filter(|&t| {
        let last = full_names[t].last().is_some_and(|w| w == "user");
        let known = tables[t].columns.iter().any(|c| {
            matches!(
                words::squashed(&words::stems(c.name.as_str())).as_str(),
                "email" | "username" | "login" | "password" | "passwd"
            )
        });
        let join = tables[t].primary_key.as_ref().is_some_and(|k| k.columns.len() > 1);
        last && known && !join && full_names[t].len() <= 2
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

/// Types that can stand for each other in a reference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Uuid,
    Number,
    Text,
    Bytes,
}

impl Family {
    fn of(data_type: &str) -> Option<Self> {
        Some(match data_type {
            "uuid" => Self::Uuid,
            "smallint" | "integer" | "bigint" | "numeric" => Self::Number,
            "text" | "citext" | "public.citext" | "character varying" => Self::Text,
            "bytea" => Self::Bytes,
            t if t.starts_with("character") => Self::Text,
            t if t.starts_with("numeric(") => Self::Number,
            _ => return None,
        })
    }
}
