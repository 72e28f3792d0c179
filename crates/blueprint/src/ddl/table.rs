//! Tables, views and functions as wholes: row-level security, owners, options.

use tenantry_model::{Ident, QualifiedName};

/// A switch of row-level security.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Policies hold for everybody but the owner.
    Enable,
    /// Policies do not hold.
    Disable,
    /// Policies hold for the owner too.
    Force,
    /// Policies do not hold for the owner.
    NoForce,
}

/// Turns row-level security.
pub fn row_security(table: &QualifiedName, switch: Switch) -> String {
    let word = match switch {
        Switch::Enable => "ENABLE",
        Switch::Disable => "DISABLE",
        Switch::Force => "FORCE",
        Switch::NoForce => "NO FORCE",
    };
    format!("ALTER TABLE IF EXISTS {} {word} ROW LEVEL SECURITY", table.quoted())
}

/// Gives a table another owner.
pub fn owner(table: &QualifiedName, owner: &Ident) -> String {
    format!("ALTER TABLE IF EXISTS {} OWNER TO {}", table.quoted(), owner.quoted())
}

/// Gives a function another owner.
pub fn function_owner(signature: &str, owner: &Ident) -> String {
    format!("ALTER ROUTINE {signature} OWNER TO {}", owner.quoted())
}

/// Lets a view run with the rights of the one who asks.
pub fn view_invoker(view: &QualifiedName, on: bool) -> String {
    let action = if on { "SET (security_invoker = true)" } else { "RESET (security_invoker)" };
    format!("ALTER VIEW IF EXISTS {} {action}", view.quoted())
}
