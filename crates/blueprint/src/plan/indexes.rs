//! Indexes fit for the workload of one tenant: lists by time, by status and time, and look-ups by name.
//!
//! Under row-level security an index serves only conditions whose operators are leakproof. So a text status goes into
//! the key, and an enum status does not: it would filter row by row after the index.

use tenantry_model::Ident;

use super::design::{ColumnBound, Design, IndexDesign, TableDesign};
use super::names::Names;
use super::uniques::split_words;
use crate::catalog::{Column, Index, TableKind};
use crate::ddl::index::NewIndex;

/// Below this, a scan of the whole table is as good.
const ROWS_MIN: i64 = 1_000;

/// Designs the indexes of every table bound by a column.
pub(super) fn design<'a>(design: &Design<'a>, names: &mut Names) -> Vec<IndexDesign<'a>> {
    let mut out = Vec::new();
    for (t, bound) in design.columns() {
        let root = Some(&t.table.name) == design.root.table.as_ref();
        if root || t.table.kind == TableKind::Foreign || t.inherits_column {
            continue;
        }
        for (keys, columns, why) in wanted(t, bound) {
            let planned = out.iter().chain(&design.indexes).any(|i: &IndexDesign<'_>| {
                i.table.name == t.table.name && i.index.predicate.is_none() && i.index.keys.starts_with(&keys)
            });
            if planned || has(t, &columns) || replaced_covers(design, t, &keys) {
                continue;
            }
            let stem =
                format!("{}_{}", t.table.name.name, columns.iter().map(|c| c.as_str()).collect::<Vec<_>>().join("_"));
            out.push(IndexDesign {
                table: t.table,
                index: NewIndex {
                    name: names.relation(&t.table.name, &stem, "_tenantry"),
                    unique: false,
                    keys,
                    include: Vec::new(),
                    nulls_not_distinct: false,
                    predicate: None,
                },
                why: why.to_owned(),
                target: false,
            });
        }
    }
    out
}

type Wanted = (Vec<String>, Vec<Ident>, &'static str);

fn wanted(t: &TableDesign<'_>, bound: &ColumnBound) -> Vec<Wanted> {
    let tenant = &bound.column;
    let mut out: Vec<Wanted> = Vec::new();
    let small = t.table.size.rows >= 0 && t.table.size.rows < ROWS_MIN;
    let time = best(t, TIMES, is_time);
    if let Some(time) = time.filter(|_| !small) {
        if let Some(status) = best(t, STATUSES, is_text) {
            out.push((
                vec![tenant.quoted(), status.name.quoted(), format!("{} DESC", time.name.quoted())],
                vec![tenant.clone(), status.name.clone(), time.name.clone()],
                "lists of one tenant by status and time, counts by status",
            ));
        }
        out.push((
            vec![tenant.quoted(), format!("{} DESC", time.name.quoted())],
            vec![tenant.clone(), time.name.clone()],
            "lists of one tenant by time",
        ));
    }
    if let Some(name) = best(t, LOOKUPS, is_text).filter(|_| !small) {
        out.push((
            vec![tenant.quoted(), name.name.quoted()],
            vec![tenant.clone(), name.name.clone()],
            "look-ups of one tenant by name",
        ));
    }
    if out.is_empty() {
        out.push((vec![tenant.quoted()], vec![tenant.clone()], "rows of one tenant"));
    }
    out
}

const TIMES: &[&[&str]] =
    &[&["updated"], &["modified"], &["changed"], &["created"], &["inserted"], &["timestamp"], &["occurred"], &["date"]];
const STATUSES: &[&[&str]] = &[&["status"], &["state"]];
const LOOKUPS: &[&[&str]] = &[&["email"], &["slug"], &["external", "id"], &["identifier"], &["code"], &["name"]];

/// The column whose name fits the earliest of these words.
fn best<'c>(t: &'c TableDesign<'_>, wanted: &[&[&str]], fits: fn(&Column) -> bool) -> Option<&'c Column> {
    wanted.iter().find_map(|words| {
        t.table.columns.iter().filter(|c| fits(c)).find(|c| {
            let own = split_words(c.name.as_str());
            // `name` means the column `name`, not `file_name`; times and states may have a word around them.
            let exact = words.contains(&"name") || words.contains(&"code");
            if exact { own == *words } else { words.iter().all(|w| own.iter().any(|o| o == w)) }
        })
    })
}

fn is_time(c: &Column) -> bool {
    c.data_type.starts_with("timestamp")
}

/// Types whose equality and order are leakproof, and short enough for a key.
fn is_text(c: &Column) -> bool {
    (c.data_type == "text" || c.data_type.starts_with("character varying")) && c.collation_deterministic
}

/// An index that begins with exactly these columns is there.
fn has(t: &TableDesign<'_>, columns: &[Ident]) -> bool {
    t.table.indexes.iter().filter(|i| i.valid && i.method == "btree" && i.predicate.is_none()).any(|i: &Index| {
        i.keys.len() >= columns.len() && i.keys.iter().zip(columns).all(|(k, c)| k.column.as_ref() == Some(c))
    })
}

/// A tenant-first unique key of this plan begins like this.
fn replaced_covers(design: &Design<'_>, t: &TableDesign<'_>, keys: &[String]) -> bool {
    design
        .uniques
        .iter()
        .filter(|u| u.table.name == t.table.name)
        .flat_map(|u| &u.replacement)
        .any(|i| i.predicate.is_none() && i.keys.starts_with(keys))
}
