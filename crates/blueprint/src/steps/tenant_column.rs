//! The tenant column of a table that had none, and the trigger that keeps it filled while old logins write.
//!
//! The column is nullable at first (or has the default tenant in every row at once): catalog only. The trigger runs
//! only for rows where the column is NULL, so the backfill does not fire it.

use tenantry_model::{Ident, QualifiedName};

use super::{table, table_object};
use crate::ddl::{acl, backfill, column, function};
use crate::file::{Phase, Step};
use crate::plan::design::{ColumnBound, Design, Fill, TableDesign};
use crate::plan::search_path;
use tenantry_model::literal;

/// Name of the trigger that fills.
pub(super) fn fill_trigger() -> Ident {
    Ident::composed("tenantry_fill", "", "")
}

/// Name of the trigger that gives an owner to what a row points at. It sorts after the other.
fn adopt_trigger(owned: &QualifiedName) -> Ident {
    Ident::composed("tenantry_z_adopt_", &owned.to_string(), "")
}

/// The function in schema `tenantry` that fills a table.
fn fill_function(table: &QualifiedName) -> QualifiedName {
    QualifiedName::new(Ident::composed("tenantry", "", ""), Ident::composed("fill_", &table.to_string(), ""))
}

fn adopt_function(owned: &QualifiedName) -> QualifiedName {
    QualifiedName::new(Ident::composed("tenantry", "", ""), Ident::composed("adopt_", &owned.to_string(), ""))
}

/// A table whose rows get their owner when another table's row comes to point at them.
pub(super) struct Adoption {
    pub(super) owned: QualifiedName,
    pub(super) owned_column: Ident,
    pub(super) owned_columns: Vec<Ident>,
    pub(super) by: QualifiedName,
    by_columns: Vec<Ident>,
    by_tenant: Ident,
}

/// Every adoption: tables whose way begins with a reverse hop to a table with a tenant column of its own.
pub(super) fn adoptions(design: &Design<'_>) -> Vec<Adoption> {
    let mut out = Vec::new();
    for (t, bound) in design.columns() {
        let Some(Fill::Along(way)) = &bound.fill else { continue };
        let Some(hop) = way.hops.first().filter(|h| h.reverse) else { continue };
        let Some(by) = design.table(&hop.references).and_then(TableDesign::column_bound) else { continue };
        out.push(Adoption {
            owned: t.table.name.clone(),
            owned_column: bound.column.clone(),
            owned_columns: hop.columns.clone(),
            by: hop.references.clone(),
            by_columns: hop.referenced_columns.clone(),
            by_tenant: by.column.clone(),
        });
    }
    out
}

/// Statements that take the triggers of a table's filling away, and those that bring them (back).
pub(super) fn filling(
    design: &Design<'_>,
    t: &TableDesign<'_>,
    bound: &ColumnBound,
) -> Option<(Vec<String>, Vec<String>)> {
    let Some(Fill::Along(way)) = &bound.fill else { return None };
    let name = &t.table.name;
    let keeper = &design.roles.keeper;
    let types = way.hops.iter().flat_map(|h| {
        let table = design.catalog.table(&h.references);
        h.referenced_columns.iter().filter_map(move |c| table?.column(c.as_str())).map(|c| c.data_type.as_str())
    });
    let path = search_path(design.catalog, types);
    let filler = fill_function(name);
    let mut make = function::trigger_function(&filler, keeper, &path, &backfill::fill_body(&bound.column, way));
    make.push(function::fill_trigger(name, &fill_trigger(), &bound.column, &filler));
    let mut take = vec![function::drop_trigger(name, &fill_trigger()), function::drop_trigger_function(&filler)];
    for a in adoptions(design).iter().filter(|a| &a.owned == name) {
        let adopter = adopt_function(name);
        let body = backfill::adopt_body(name, &a.owned_column, &a.owned_columns, &a.by_columns, &a.by_tenant);
        let object = table_object(name, &t.table.owner);
        make.push(acl::grant(&format!("UPDATE ({})", a.owned_column.quoted()), &object, Some(keeper)));
        make.push(acl::grant(&format!("SELECT ({})", a.owned_column.quoted()), &object, Some(keeper)));
        make.extend(function::trigger_function(&adopter, keeper, &path, &body));
        make.push(function::adopt_trigger(&a.by, &adopt_trigger(name), &a.by_columns, &a.by_tenant, &adopter));
        take.insert(0, function::drop_trigger_function(&adopter));
        take.insert(0, function::drop_trigger(&a.by, &adopt_trigger(name)));
    }
    Some((take, make))
}

pub(super) fn steps(design: &Design<'_>) -> Vec<Step> {
    let mut columns = Vec::new();
    let mut adopting = Vec::new();
    for (t, bound) in design.columns() {
        let Some(fill) = &bound.fill else { continue };
        let name = &t.table.name;
        let mut step = table(Phase::Apply, name, format!("Add the tenant column {} to {name}", bound.column));
        match fill {
            Fill::Constant(tenant) if !t.inherits_column => {
                step.up.push(column::add_constant(name, &bound.column, &bound.data_type, &literal(tenant)));
            }
            Fill::Along(_) if !t.inherits_column => {
                step.up.push(column::add(name, &bound.column, &bound.data_type));
            }
            _ => {}
        }
        if let Some((take, make)) = filling(design, t, bound) {
            step.up.extend(make);
            step.down.extend(take);
        }
        if !t.inherits_column {
            step.down.push(column::drop(name, &bound.column));
        }
        if step.up.is_empty() {
            continue;
        }
        // An adopting trigger names another table's tenant column, which must be there first.
        if matches!(fill, Fill::Along(way) if way.hops.iter().any(|h| h.reverse)) {
            adopting.push(step);
        } else {
            columns.push(step);
        }
    }
    // Inheritance parents first: their column comes to the children.
    columns.sort_by_key(|s| s.table.as_ref().and_then(|n| design.table(n)).is_some_and(|t| t.inherits_column));
    columns.extend(adopting);
    columns
}
