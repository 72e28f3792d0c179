//! Indexes: built with writers going on.

use tenantry_model::{Ident, QualifiedName};

/// An index to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewIndex {
    /// Its name; it lies in the schema of its table.
    pub name: Ident,
    /// UNIQUE.
    pub unique: bool,
    /// Key columns or expressions as SQL, in order, with DESC where wanted.
    pub keys: Vec<String>,
    /// INCLUDE columns.
    pub include: Vec<Ident>,
    /// NULLS NOT DISTINCT.
    pub nulls_not_distinct: bool,
    /// WHERE.
    pub predicate: Option<String>,
}

/// How an index is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// CONCURRENTLY: outside a transaction, writers go on.
    Concurrently,
    /// Only the entry of a partitioned table; the partitions' own indexes are attached to it.
    OnlyParent,
}

/// Builds an index. Running it again does nothing.
pub fn create(table: &QualifiedName, index: &NewIndex, build: Build) -> String {
    let (concurrently, only) = match build {
        Build::Concurrently => ("CONCURRENTLY ", ""),
        Build::OnlyParent => ("", "ONLY "),
    };
    let include =
        if index.include.is_empty() { String::new() } else { format!(" INCLUDE ({})", super::list(&index.include)) };
    format!(
        "CREATE {}INDEX {concurrently}IF NOT EXISTS {} ON {only}{} USING btree ({}){include}{}{}",
        if index.unique { "UNIQUE " } else { "" },
        index.name.quoted(),
        table.quoted(),
        index.keys.join(", "),
        if index.nulls_not_distinct { " NULLS NOT DISTINCT" } else { "" },
        index.predicate.as_ref().map_or_else(String::new, |p| format!(" WHERE {p}"))
    )
}

/// Builds an index again by the server's own words for it, with writers going on. Running it again does nothing.
pub fn again(definition: &str) -> Option<String> {
    let (head, unique) = match definition.strip_prefix("CREATE UNIQUE INDEX ") {
        Some(rest) => (rest, "UNIQUE "),
        None => (definition.strip_prefix("CREATE INDEX ")?, ""),
    };
    Some(format!("CREATE {unique}INDEX CONCURRENTLY IF NOT EXISTS {head}"))
}

/// Drops an index with writers going on; outside a transaction.
pub fn drop_concurrently(name: &QualifiedName) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {}", name.quoted())
}

/// Drops an index.
pub fn drop(name: &QualifiedName) -> String {
    format!("DROP INDEX IF EXISTS {}", name.quoted())
}

/// Makes a partition's index part of its parent's. Doing it twice does nothing.
pub fn attach(parent: &QualifiedName, part: &QualifiedName) -> String {
    format!("ALTER INDEX {} ATTACH PARTITION {}", parent.quoted(), part.quoted())
}
