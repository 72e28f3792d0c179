//! Filling a new tenant column: in batches for the rows that exist, by a trigger for those that come.

use tenantry_model::{Ident, QualifiedName};

use super::path::{Way, is_ambiguous};

/// One batch: `$1` is its first `tid`, `$2` the one after its last.
pub fn batch(table: &QualifiedName, column: &Ident, way: &Way) -> String {
    let column = column.quoted();
    let range = format!("tenantry_row.ctid >= $1 AND tenantry_row.ctid < $2 AND tenantry_row.{column} IS NULL");
    let (from, condition) = way.joined("tenantry_row");
    let tenant = way.tenant();
    if is_ambiguous(&way.hops) {
        // Several rows may point here. One of them must be taken, always the same one.
        return format!(
            "UPDATE ONLY {} AS tenantry_row SET {column} = (SELECT {tenant} FROM {from} WHERE {condition} AND {tenant} IS NOT NULL ORDER BY 1 LIMIT 1) WHERE {range}",
            table.quoted()
        );
    }
    format!(
        "UPDATE ONLY {} AS tenantry_row SET {column} = {tenant} FROM {from} WHERE {condition} AND {range}",
        table.quoted()
    )
}

/// Body of the trigger function that fills the column of a new row.
pub fn fill_body(column: &Ident, way: &Way) -> String {
    let (from, condition) = way.joined("NEW");
    let tenant = way.tenant();
    format!(
        "BEGIN\n  NEW.{} := (SELECT {tenant} FROM {from} WHERE {condition} AND {tenant} IS NOT NULL ORDER BY 1 LIMIT 1);\n  RETURN NEW;\nEND",
        column.quoted()
    )
}

/// Body of the trigger function on a referencing table that gives an owner to the row it now points at.
pub fn adopt_body(
    owned: &QualifiedName,
    column: &Ident,
    owned_columns: &[Ident],
    own_columns: &[Ident],
    tenant: &Ident,
) -> String {
    let condition: Vec<String> = owned_columns
        .iter()
        .zip(own_columns)
        .map(|(there, here)| format!("tenantry_row.{} = NEW.{}", there.quoted(), here.quoted()))
        .collect();
    format!(
        "BEGIN\n  UPDATE {} AS tenantry_row SET {column} = NEW.{} WHERE {} AND tenantry_row.{column} IS NULL;\n  RETURN NEW;\nEND",
        owned.quoted(),
        tenant.quoted(),
        condition.join(" AND "),
        column = column.quoted(),
    )
}
