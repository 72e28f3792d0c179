//! The only writer of DDL. Small functions from names to one SQL statement each, without the closing semicolon.
//!
//! Names come in as `Ident` and `QualifiedName` and go out quoted. Expressions and definitions that the server itself
//! printed are passed on whole; SQL is never edited as text.

pub mod acl;
pub mod backfill;
pub mod column;
pub mod constraint;
pub mod function;
pub mod index;
pub mod path;
pub mod policy;
pub mod role;
pub mod table;

use tenantry_model::Ident;

/// `"a", "b"`
pub fn list<'a>(names: impl IntoIterator<Item = &'a Ident>) -> String {
    names.into_iter().map(Ident::quoted).collect::<Vec<_>>().join(", ")
}

/// A block that runs `statement` only while `condition` holds, for statements that have no `IF EXISTS`.
pub fn only_if(condition: &str, statement: &str) -> String {
    // The tag cannot stand in either text: names are quoted with double quotes, and a dollar tag of our own is looked for.
    let mut tag = "tenantry".to_owned();
    while condition.contains(&format!("${tag}$")) || statement.contains(&format!("${tag}$")) {
        tag.push('_');
    }
    format!("DO ${tag}$ BEGIN IF {condition} THEN {statement}; END IF; END ${tag}$")
}
