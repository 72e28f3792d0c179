//! Database roles.

use tenantry_model::{Ident, literal};

use super::only_if;

/// A role nobody can log in as.
pub fn create_group(role: &Ident) -> String {
    format!("CREATE ROLE {} NOLOGIN", role.quoted())
}

/// A login without a password: nobody gets in until it has one, and it has no rights until the last step.
pub fn create_login(role: &Ident) -> String {
    format!("CREATE ROLE {} LOGIN", role.quoted())
}

/// Takes a role's rights until the transaction ends, or [`RESET`].
pub fn set_local(role: &Ident) -> String {
    format!("SET LOCAL ROLE {}", role.quoted())
}

/// Back to one's own rights.
pub const RESET: &str = "RESET ROLE";

/// Membership.
pub fn grant(role: &Ident, to: &str) -> String {
    format!("GRANT {} TO {to}", role.quoted())
}

/// Ends a membership.
pub fn revoke(role: &Ident, from: &str) -> String {
    format!("REVOKE {} FROM {from}", role.quoted())
}

/// Drops a role if it is there.
pub fn drop(role: &Ident) -> String {
    format!("DROP ROLE IF EXISTS {}", role.quoted())
}

/// Gives what a role owns in this database to the current user, and takes back its rights; nothing if it is gone.
pub fn hand_over(role: &Ident) -> String {
    only_if(&exists(role), &format!("REASSIGN OWNED BY {0} TO CURRENT_USER; DROP OWNED BY {0}", role.quoted()))
}

fn exists(role: &Ident) -> String {
    format!("EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {})", literal(role.as_str()))
}
