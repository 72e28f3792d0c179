//! Columns.

use tenantry_model::{Ident, QualifiedName};

/// Adds a nullable column: catalog only.
pub fn add(table: &QualifiedName, column: &Ident, data_type: &str) -> String {
    format!("ALTER TABLE {} ADD COLUMN {} {data_type}", table.quoted(), column.quoted())
}

/// Adds a column that has this constant in every existing row: catalog only, no row is written.
pub fn add_constant(table: &QualifiedName, column: &Ident, data_type: &str, constant: &str) -> String {
    format!("ALTER TABLE {} ADD COLUMN {} {data_type} NOT NULL DEFAULT {constant}", table.quoted(), column.quoted())
}

/// Takes a column away.
pub fn drop(table: &QualifiedName, column: &Ident) -> String {
    format!("ALTER TABLE IF EXISTS {} DROP COLUMN IF EXISTS {}", table.quoted(), column.quoted())
}

/// Sets or drops a default, on this table alone: partitions keep theirs.
pub fn default(table: &QualifiedName, column: &Ident, expression: Option<&str>) -> String {
    let action = expression.map_or_else(|| "DROP DEFAULT".to_owned(), |e| format!("SET DEFAULT {e}"));
    format!("ALTER TABLE ONLY {} ALTER COLUMN {} {action}", table.quoted(), column.quoted())
}

/// Marks a column NOT NULL; with a validated CHECK that says so, no row is read.
pub fn set_not_null(table: &QualifiedName, column: &Ident) -> String {
    format!("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL", table.quoted(), column.quoted())
}

/// Allows NULL again.
pub fn drop_not_null(table: &QualifiedName, column: &Ident) -> String {
    format!("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", table.quoted(), column.quoted())
}
