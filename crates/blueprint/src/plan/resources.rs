//! What is counted for each tenant, as the registry declares it.

use tenantry_model::{Ident, KeyKind, QualifiedName};

use super::design::{Design, ResourceDesign};
use super::findings::blocking;
use crate::catalog::{Catalog, Column, Table, TableKind};
use crate::file::{CountedResource, Finding, SoftDelete};
use crate::quota::guard::{Guard, Measure};
use crate::registry::condition::{Condition, Value};
use crate::registry::{MeasureWord, ResourceEntry};

/// Designs every resource; a finding that blocks for each that cannot be counted.
pub(super) fn design(design: &Design<'_>, findings: &mut Vec<Finding>) -> Vec<ResourceDesign> {
    let mut out: Vec<ResourceDesign> = Vec::new();
    let names: Vec<&String> = design.registry.resources.keys().collect();
    for (name, entry) in &design.registry.resources {
        let twin = names.iter().find(|n| ***n != *name && n.eq_ignore_ascii_case(name));
        let made = match twin {
            Some(twin) => Err(format!("it differs from resource {twin} in nothing but capital letters")),
            None => one(design, name, entry),
        };
        match made {
            Ok(resource) => out.push(resource),
            Err(why) => findings.push(blocking(
                "resource-invalid",
                name,
                format!("Resource {name} cannot be counted: {why}."),
                format!("Correct it under [resources.{name}] in tenantry.toml."),
            )),
        }
    }
    out
}

fn one(design: &Design<'_>, name: &str, entry: &ResourceEntry) -> Result<ResourceDesign, String> {
    let table: QualifiedName = entry.table.parse().map_err(|e| format!("{e}"))?;
    let t = design.table(&table).ok_or_else(|| match design.catalog.table(&table) {
        Some(t) if t.kind == TableKind::Partition => format!("{table} is a partition; count its parent"),
        _ => format!("table {table} does not exist"),
    })?;
    if design.root.table.as_ref() == Some(&table) {
        return Err(format!("{table} is the tenant table: it holds one row of each tenant"));
    }
    let Some(bound) = t.column_bound() else {
        return Err(match &t.bound {
            Some(_) => {
                format!("{table} has no tenant column; a policy along a path guards it, which cannot be counted")
            }
            None => format!("{table} holds no tenant's rows"),
        });
    };
    if t.table.kind == TableKind::Foreign {
        return Err(format!("{table} is a foreign table: no guard can stand on it"));
    }
    if t.relations().any(|r| r.policies.iter().any(|p| !p.permissive)) {
        return Err(format!(
            "a restrictive policy of the application stands on {table}, so it could not be counted whole"
        ));
    }
    let inherits = |t: &Table| t.kind != TableKind::Partition && !t.parents.is_empty();
    if inherits(t.table) || design.catalog.children(&table).any(inherits) {
        return Err(format!("{table} takes part in inheritance: a row would count with the parent and with the child"));
    }
    let fits = bound.kind == design.kind || (bound.kind, design.kind) == (KeyKind::Integer, KeyKind::Bigint);
    if !fits {
        return Err(format!(
            "{table}.{} is of type {}, tenants are of type {}",
            bound.column,
            bound.data_type,
            design.kind.sql_type()
        ));
    }
    let existing = |column: &Ident| {
        t.table.column(column.as_str()).ok_or_else(|| {
            format!("{table} has no column {column} (a name with capital letters stands in double quotes: '\"deletedAt\" IS NULL')")
        })
    };
    let measure = match (entry.measure, &entry.column) {
        (MeasureWord::Rows, _) => Measure::Rows,
        (MeasureWord::Monthly, _) => Measure::Monthly,
        (MeasureWord::Sum, Some(column)) => {
            let column = existing(&Ident::new(column).map_err(|e| e.to_string())?)?;
            if !["smallint", "integer", "bigint"].contains(&column.data_type.as_str()) {
                return Err(format!(
                    "{table}.{} is {}; only smallint, integer and bigint are summed",
                    column.name, column.data_type
                ));
            }
            Measure::Sum(column.name.clone())
        }
        (MeasureWord::Sum, None) => return Err("it names no column to sum".to_owned()),
    };
    let condition =
        entry.condition.as_deref().map(Condition::parse).transpose().map_err(|e| format!("its condition {e}"))?;
    for leaf in condition.iter().flat_map(Condition::leaves) {
        if let Some(column) = leaf.column() {
            comparable(design.catalog, existing(column)?, leaf)?;
        }
    }
    let soft = condition.as_ref().and_then(|c| soft(t.table, c));
    let guard = Guard {
        resource: name.to_owned(),
        table: table.clone(),
        tenant: bound.column.clone(),
        key: design.kind,
        measure,
        condition: condition.as_ref().map(Condition::sql),
    };
    // A column that this plan adds is not there yet: its right is given with the guard.
    let mut reads: Vec<Ident> = vec![bound.column.clone()];
    let others = condition.iter().flat_map(Condition::leaves).filter_map(Condition::column);
    for column in others.chain(match &guard.measure {
        Measure::Sum(column) => Some(column),
        _ => None,
    }) {
        if !reads.contains(column) {
            reads.push(column.clone());
        }
    }
    let relations = t.relations().map(|r| (r.name.clone(), r.partition_key.is_none())).collect();
    Ok(ResourceDesign { guard, relations, reads, soft, limit: entry.default_limit() })
}

/// How a row comes to count no more, and comes back, where one column alone decides.
fn soft(table: &Table, condition: &Condition) -> Option<SoftDelete> {
    let of = |column: &Ident, away: &str, back: &str| {
        Some(SoftDelete { column: column.clone(), away: away.to_owned(), back: back.to_owned() })
    };
    match condition {
        Condition::Null(column) => {
            let kind = table.column(column.as_str())?.data_type.as_str();
            let away = match kind {
                "boolean" => "true",
                "smallint" | "integer" | "bigint" | "numeric" => "1",
                "date" => "current_date",
                _ if kind.starts_with("timestamp") => "pg_catalog.now()",
                "uuid" => "pg_catalog.gen_random_uuid()",
                "text" => "'x'",
                _ => return None,
            };
            of(column, away, "NULL")
        }
        Condition::Flag(column) | Condition::Compare(column, "=", Value::Bool(true)) => of(column, "false", "true"),
        Condition::Compare(column, "=", Value::Bool(false)) => of(column, "true", "false"),
        Condition::Not(inner) => match inner.as_ref() {
            Condition::Flag(column) => of(column, "true", "false"),
            _ => None,
        },
        _ => None,
    }
}

/// The comparison gives the same for every session, whatever its settings are.
fn comparable(catalog: &Catalog, column: &Column, leaf: &Condition) -> Result<(), String> {
    let t = column.data_type.as_str();
    let text = t == "text" || t == "uuid" || t.starts_with("character");
    let number = ["smallint", "integer", "bigint", "numeric"].contains(&t) || t.starts_with("numeric(");
    let listed = catalog
        .enums
        .iter()
        .any(|e| e.to_string() == t || e.name.as_str() == t || e.name.quoted() == t || e.quoted() == t);
    let fits = |value: &Value| match value {
        Value::Text(_) => text || listed,
        Value::Number(_) => number,
        Value::Bool(_) => t == "boolean",
    };
    let wrong = |what: &str| Err(format!("column {} is {t}, {what}", column.name));
    match leaf {
        Condition::Null(_) => Ok(()),
        Condition::Flag(_) if t == "boolean" => Ok(()),
        Condition::Flag(_) => wrong("which is no condition by itself"),
        Condition::Compare(_, "=" | "<>", value) if fits(value) => Ok(()),
        Condition::Compare(_, _, value) if fits(value) && number => Ok(()),
        Condition::In(_, values) if values.iter().all(fits) => Ok(()),
        _ => wrong(
            "which cannot be compared like this; times, for example, only with IS NULL, because they depend on a session's time zone",
        ),
    }
}

/// For the blueprint.
pub(super) fn counted(design: &Design<'_>) -> Vec<CountedResource> {
    design
        .resources
        .iter()
        .map(|r| CountedResource {
            name: r.guard.resource.clone(),
            table: r.guard.table.clone(),
            tenant: r.guard.tenant.clone(),
            measure: r.guard.measure.word().to_owned(),
            column: match &r.guard.measure {
                Measure::Sum(column) => Some(column.clone()),
                _ => None,
            },
            condition: r.guard.condition.clone(),
            soft: r.soft.clone(),
            guards: r.relations.iter().map(|(name, leaf)| (name.to_string(), r.guard.triggers(*leaf))).collect(),
        })
        .collect()
}
