//! Policies.

use tenantry_model::{Ident, KeyKind, QualifiedName};

use super::list;
use super::path::Way;

/// A policy to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPolicy {
    /// Its name on the table.
    pub name: Ident,
    /// PERMISSIVE or RESTRICTIVE.
    pub permissive: bool,
    /// `ALL`, `SELECT`, …
    pub command: &'static str,
    /// USING.
    pub using: Option<String>,
    /// WITH CHECK.
    pub check: Option<String>,
}

/// Whom a policy is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Audience {
    /// Everybody.
    Public,
    /// These roles.
    Roles(Vec<Ident>),
}

impl Audience {
    fn sql(&self) -> String {
        match self {
            Self::Public => "PUBLIC".to_owned(),
            Self::Roles(roles) => list(roles),
        }
    }
}

/// Makes a policy.
pub fn create(table: &QualifiedName, policy: &NewPolicy, to: &Audience) -> String {
    format!(
        "CREATE POLICY {} ON {}{} FOR {} TO {}{}{}",
        policy.name.quoted(),
        table.quoted(),
        if policy.permissive { "" } else { " AS RESTRICTIVE" },
        policy.command,
        to.sql(),
        policy.using.as_ref().map_or_else(String::new, |e| format!(" USING ({e})")),
        policy.check.as_ref().map_or_else(String::new, |e| format!(" WITH CHECK ({e})")),
    )
}

/// Gives a policy another audience.
pub fn audience(table: &QualifiedName, name: &Ident, to: &Audience) -> String {
    format!("ALTER POLICY {} ON {} TO {}", name.quoted(), table.quoted(), to.sql())
}

/// Takes a policy away if it (and its table) is there.
pub fn drop(table: &QualifiedName, name: &Ident) -> String {
    format!("DROP POLICY IF EXISTS {} ON {}", name.quoted(), table.quoted())
}

/// The tenant of the transaction, asked once per statement: `(SELECT tenantry.tenant_id())`. Raises without one.
pub fn tenant(kind: KeyKind) -> String {
    format!("(SELECT tenantry.{}())", kind.context_function())
}

/// The tenant of the transaction or NULL, as a column default.
pub fn tenant_or_null(kind: KeyKind) -> String {
    format!("tenantry.tenant_id_or_null{}()", suffix(kind))
}

/// The tenant of the transaction as a column default that raises without one.
pub fn tenant_strict(kind: KeyKind) -> String {
    format!("tenantry.{}()", kind.context_function())
}

/// The second level of the context, or NULL if it has none.
pub fn scope(kind: KeyKind) -> String {
    format!("(SELECT tenantry.scope_id{}())", suffix(kind))
}

fn suffix(kind: KeyKind) -> &'static str {
    kind.context_function().trim_start_matches("tenant_id")
}

/// `column = tenant`
pub fn equals(column: &Ident, value: &str) -> String {
    format!("{} = {value}", column.quoted())
}

/// The row at the end of the way belongs to the tenant. `row` is how the policy's own row is named.
pub fn along(way: &Way, row: &str, tenant: &str) -> String {
    let (from, condition) = way.joined(row);
    format!("EXISTS (SELECT FROM {from} WHERE {condition} AND {} = {tenant})", way.tenant())
}

/// The same for a row of the policy's own table, asked through a function.
pub fn parent_visible_by(row: &str, columns: &[Ident], function: &QualifiedName) -> String {
    let absent: Vec<String> = columns.iter().map(|c| format!("{row}.{} IS NULL", c.quoted())).collect();
    let arguments: Vec<String> = columns.iter().map(|c| format!("{row}.{}", c.quoted())).collect();
    format!("{} OR {}({})", absent.join(" OR "), function.quoted(), arguments.join(", "))
}

/// The referenced row is one that this session may see, or there is no reference.
pub fn parent_visible(row: &str, columns: &[Ident], parent: &QualifiedName, referenced: &[Ident]) -> String {
    let absent: Vec<String> = columns.iter().map(|c| format!("{row}.{} IS NULL", c.quoted())).collect();
    let same: Vec<String> = columns
        .iter()
        .zip(referenced)
        .map(|(c, r)| format!("tenantry_parent.{} = {row}.{}", r.quoted(), c.quoted()))
        .collect();
    format!(
        "{} OR EXISTS (SELECT FROM {} AS tenantry_parent WHERE {})",
        absent.join(" OR "),
        parent.quoted(),
        same.join(" AND ")
    )
}

/// Lets this transaction read what a policy lets it read, where its session is set to refuse that.
pub const READ_BY_POLICY: &str = "SET LOCAL row_security = on";
