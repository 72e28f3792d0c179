//! A catalog from a sketch: one line a table, our own shorthand for our own examples.
//!
//! ```text
//! teams: id uuid pk, name text!
//! docs: id uuid pk, team_id uuid! > teams, title text!, slug text unique
//! stars: user_id uuid! > users, doc_id uuid! > docs, pk(user_id, doc_id)
//! ```
//! `!` is NOT NULL, `> table` a foreign key (`>> table` with ON DELETE CASCADE, `>? table` with SET NULL),
//! `unique` a constraint on the column, `pk(…)` and `unique(…)` keys over several columns, `fk(a, b > table)`
//! a composite foreign key to (the same columns of) the table. A name with a dot has a schema.

use serde_json::json;
use tenantry_blueprint::catalog::*;
use tenantry_model::{Ident, QualifiedName};

/// Builds the catalog.
pub(crate) fn catalog(text: &str) -> Catalog {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let mut tables: Vec<Table> = lines.map(table).collect();
    let keys: Vec<(QualifiedName, Ident)> =
        tables.iter().filter_map(|t| Some((t.name.clone(), t.primary_key.as_ref()?.columns.last()?.clone()))).collect();
    for t in &mut tables {
        for fk in t.foreign_keys.iter_mut().filter(|fk| fk.referenced_columns.is_empty()) {
            let key =
                keys.iter().find(|(n, _)| *n == fk.references).unwrap_or_else(|| panic!("no table {}", fk.references));
            fk.referenced_columns = vec![key.1.clone()];
        }
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Catalog { database: "sketch".into(), server_version_num: 160_012, tables, ..Catalog::default() }
}

/// The name of a table: `schema.table`, or a table in `public`.
pub(crate) fn name(text: &str) -> QualifiedName {
    let (schema, name) = text.split_once('.').unwrap_or(("public", text));
    QualifiedName::new(ident(schema), ident(name))
}

/// A name.
pub(crate) fn ident(text: &str) -> Ident {
    Ident::new(text).unwrap_or_else(|e| panic!("{e}"))
}

fn table(line: &str) -> Table {
    let (head, body) = line.split_once(':').unwrap_or_else(|| panic!("no colon in {line}"));
    let mut t = empty(name(head.trim()));
    for part in parts(body) {
        match part.split_once('(') {
            Some(("pk", rest)) => t.primary_key = Some(key("pkey", rest)),
            Some(("unique", rest)) => {
                let n = t.uniques.len();
                t.uniques.push(key(&format!("key{n}"), rest));
            }
            Some(("fk", rest)) => composite(&mut t, rest),
            _ => column(&mut t, &part),
        }
    }
    t
}

/// Splits at commas outside parentheses.
fn parts(body: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in body.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.into_iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect()
}

/// A value from its JSON form, so that a field the catalog gains later needs no change here.
fn built<T: serde::de::DeserializeOwned>(v: serde_json::Value) -> T {
    serde_json::from_value(v).unwrap_or_else(|e| panic!("{e}"))
}

fn key(stem: &str, columns: &str) -> Key {
    let columns: Vec<&str> = columns.trim_end_matches(')').split(',').map(str::trim).collect();
    built(json!({"name": format!("{stem}_{}", columns[0]), "columns": columns}))
}

fn composite(t: &mut Table, text: &str) {
    let (columns, target) = text.trim_end_matches(')').split_once('>').unwrap_or_else(|| panic!("no > in {text}"));
    let columns: Vec<Ident> = columns.split(',').map(|c| ident(c.trim())).collect();
    let n = t.foreign_keys.len();
    t.foreign_keys.push(foreign_key(
        &format!("fk{n}"),
        columns.clone(),
        name(target.trim()),
        Action::NoAction,
        columns,
    ));
}

fn foreign_key(
    n: &str,
    columns: Vec<Ident>,
    references: QualifiedName,
    on_delete: Action,
    referenced_columns: Vec<Ident>,
) -> ForeignKey {
    built(
        json!({"name": n, "columns": columns, "references": references, "on_delete": on_delete, "referenced_columns": referenced_columns}),
    )
}

fn column(t: &mut Table, part: &str) {
    let (definition, target) = match part.split_once('>') {
        Some((d, target)) => (d.trim(), Some(target)),
        None => (part, None),
    };
    let mut words = definition.split_whitespace();
    let column = ident(words.next().unwrap_or_else(|| panic!("no column in {part}")));
    let rest: Vec<&str> = words.collect();
    let pk = rest.contains(&"pk");
    let data_type: Vec<&str> = rest.iter().filter(|w| !matches!(**w, "pk" | "unique")).copied().collect();
    let data_type = data_type.join(" ");
    t.columns.push(built(json!({
        "name": column, "type": data_type.trim_end_matches('!'), "not_null": pk || data_type.ends_with('!'),
    })));
    if pk {
        t.primary_key = Some(key("pkey", column.as_str()));
    }
    if rest.contains(&"unique") {
        t.uniques.push(key("key", column.as_str()));
    }
    if let Some(target) = target {
        let (action, target) = match target.chars().next() {
            Some('>') => (Action::Cascade, &target[1..]),
            Some('?') => (Action::SetNull, &target[1..]),
            _ => (Action::NoAction, target),
        };
        let n = format!("fk_{column}");
        t.foreign_keys.push(foreign_key(&n, vec![column], name(target.trim()), action, Vec::new()));
    }
}

fn empty(name: QualifiedName) -> Table {
    built(json!({"name": name, "owner": "app", "columns": []}))
}
