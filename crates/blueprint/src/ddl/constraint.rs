//! Constraints: made without long locks, dropped, and put back as they were.

use tenantry_model::{Ident, QualifiedName, literal};

use super::{list, only_if};
use crate::catalog::{Action, ForeignKey, Index, Key};

/// `CHECK (column IS NOT NULL) NOT VALID`: holds for new rows at once, reads none.
pub fn add_not_null_check(table: &QualifiedName, name: &Ident, column: &Ident) -> String {
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID",
        table.quoted(),
        name.quoted(),
        column.quoted()
    )
}

/// Checks existing rows, with readers and writers going on.
pub fn validate(table: &QualifiedName, name: &Ident) -> String {
    format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", table.quoted(), name.quoted())
}

/// Drops a constraint if it (and its table) is there.
pub fn drop(table: &QualifiedName, name: &Ident) -> String {
    format!("ALTER TABLE IF EXISTS {} DROP CONSTRAINT IF EXISTS {}", table.quoted(), name.quoted())
}

/// Locks the parent of a foreign key that is to be made (`SHARE ROW EXCLUSIVE`) or dropped (`ACCESS EXCLUSIVE`), if it is
/// there.
///
/// ALTER TABLE locks the child first. Applications write parents before children, so among busy writers there is always
/// one that has the parent and comes for the child: each stands in the other's way, and the short wait for the lock ends
/// in vain every time.
pub fn lock_parent(parent: &QualifiedName, mode: &str) -> String {
    let name = parent.quoted();
    only_if(&format!("to_regclass({}) IS NOT NULL", literal(&name)), &format!("LOCK TABLE {name} IN {mode} MODE"))
}

/// For a foreign key that is made.
pub const TO_MAKE: &str = "SHARE ROW EXCLUSIVE";
/// For one that is dropped.
pub const TO_DROP: &str = "ACCESS EXCLUSIVE";

/// A foreign key to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewForeignKey {
    /// Its name.
    pub name: Ident,
    /// Its columns, the tenant first.
    pub columns: Vec<Ident>,
    /// The referenced table.
    pub references: QualifiedName,
    /// The referenced columns, the tenant first.
    pub referenced_columns: Vec<Ident>,
    /// What happens when the parent row goes.
    pub on_delete: Action,
    /// The columns of SET NULL and SET DEFAULT: never the tenant.
    pub on_delete_columns: Vec<Ident>,
    /// DEFERRABLE.
    pub deferrable: bool,
    /// INITIALLY DEFERRED.
    pub deferred: bool,
}

/// Adds a foreign key; `valid` checks existing rows at once, otherwise only new ones are held to it.
///
/// There is never an ON UPDATE action: it would carry a changed tenant into the children past every policy.
pub fn add_foreign_key(table: &QualifiedName, key: &NewForeignKey, valid: bool) -> String {
    let on_delete = match key.on_delete {
        Action::NoAction => String::new(),
        Action::Restrict => " ON DELETE RESTRICT".to_owned(),
        Action::Cascade => " ON DELETE CASCADE".to_owned(),
        Action::SetNull => format!(" ON DELETE SET NULL ({})", list(&key.on_delete_columns)),
        Action::SetDefault => format!(" ON DELETE SET DEFAULT ({})", list(&key.on_delete_columns)),
    };
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){on_delete}{}{}",
        table.quoted(),
        key.name.quoted(),
        list(&key.columns),
        key.references.quoted(),
        list(&key.referenced_columns),
        deferral(key.deferrable, key.deferred),
        if valid { "" } else { " NOT VALID" }
    )
}

/// Puts a foreign key back by the server's own words for it, not yet checked.
pub fn restore_foreign_key(table: &QualifiedName, key: &ForeignKey) -> Vec<String> {
    let not_valid = if key.definition.ends_with(" NOT VALID") { "" } else { " NOT VALID" };
    vec![only_if(
        &format!("NOT EXISTS ({})", find(table, &key.name)),
        &format!("ALTER TABLE {} ADD CONSTRAINT {} {}{not_valid}", table.quoted(), key.name.quoted(), key.definition),
    )]
}

/// Puts a foreign key back by the server's own words for it, existing rows checked.
pub fn restore_foreign_key_checked(table: &QualifiedName, key: &ForeignKey) -> Vec<String> {
    vec![only_if(
        &format!("NOT EXISTS ({})", find(table, &key.name)),
        &format!("ALTER TABLE {} ADD CONSTRAINT {} {}", table.quoted(), key.name.quoted(), key.definition),
    )]
}

/// Makes a unique constraint out of an index of the same name.
pub fn attach_unique(table: &QualifiedName, key: &Key) -> String {
    only_if(
        &format!("NOT EXISTS ({})", find(table, &key.name)),
        &format!(
            "ALTER TABLE {} ADD CONSTRAINT {} UNIQUE USING INDEX {}{}",
            table.quoted(),
            key.name.quoted(),
            key.name.quoted(),
            deferral(key.deferrable, key.deferred)
        ),
    )
}

/// The comment on a constraint.
pub fn comment(table: &QualifiedName, name: &Ident, comment: &str) -> String {
    format!("COMMENT ON CONSTRAINT {} ON {} IS {}", name.quoted(), table.quoted(), literal(comment))
}

/// What belongs to an index beside its definition: comment, clustering.
pub fn index_extras(table: &QualifiedName, index: &Index) -> Vec<String> {
    let mut out = Vec::new();
    let name = QualifiedName::new(table.schema.clone(), index.name.clone());
    if let Some(comment) = &index.comment {
        out.push(format!("COMMENT ON INDEX {} IS {}", name.quoted(), literal(comment)));
    }
    if index.clustered {
        out.push(format!("ALTER TABLE {} CLUSTER ON {}", table.quoted(), index.name.quoted()));
    }
    out
}

fn deferral(deferrable: bool, deferred: bool) -> &'static str {
    match (deferrable, deferred) {
        (_, true) => " DEFERRABLE INITIALLY DEFERRED",
        (true, false) => " DEFERRABLE",
        (false, false) => "",
    }
}

/// Looks for a constraint in the catalog.
fn find(table: &QualifiedName, name: &Ident) -> String {
    format!(
        "SELECT FROM pg_catalog.pg_constraint WHERE conrelid = {}::pg_catalog.regclass AND conname = {}",
        literal(&table.quoted()),
        literal(name.as_str())
    )
}

/// Puts a unique constraint back by the server's own words for it.
pub fn restore_unique(table: &QualifiedName, key: &Key) -> String {
    only_if(
        &format!("NOT EXISTS ({})", find(table, &key.name)),
        &format!("ALTER TABLE {} ADD CONSTRAINT {} {}", table.quoted(), key.name.quoted(), key.definition),
    )
}
