//! Functions and triggers of our own, all in schema `tenantry`, and look-ups.

use tenantry_model::{Ident, QualifiedName};

/// A trigger function owned by the keeper, with a pinned `search_path` and the keeper's rights.
pub fn trigger_function(name: &QualifiedName, keeper: &Ident, search_path: &str, body: &str) -> Vec<String> {
    let name = name.quoted();
    vec![
        format!(
            "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = {search_path} AS {}",
            dollar(body)
        ),
        format!("REVOKE ALL ON FUNCTION {name}() FROM PUBLIC"),
        format!("ALTER FUNCTION {name}() OWNER TO {}", keeper.quoted()),
    ]
}

/// A function that counts the units of one tenant (`$1`). It is called with the keeper's rights and search path.
pub fn count(signature: &str, body: &str) -> String {
    // a session that switched policies off would be refused where one lets the keeper read
    format!(
        "CREATE OR REPLACE FUNCTION {signature} RETURNS numeric LANGUAGE sql STABLE SET row_security = on AS {}",
        dollar(body)
    )
}

/// The trigger function of a guard: as [`trigger_function`], and it reads rows by the keeper's policy.
pub fn guard(name: &QualifiedName, keeper: &Ident, body: &str) -> Vec<String> {
    trigger_function(name, keeper, "pg_catalog, pg_temp SET row_security = on", body)
}

/// Takes a function without arguments away.
pub fn drop_trigger_function(name: &QualifiedName) -> String {
    format!("DROP FUNCTION IF EXISTS {}()", name.quoted())
}

/// A trigger that fills a column where it is NULL. The WHEN keeps every other row from calling the function.
pub fn fill_trigger(table: &QualifiedName, name: &Ident, column: &Ident, function: &QualifiedName) -> String {
    format!(
        "CREATE OR REPLACE TRIGGER {} BEFORE INSERT OR UPDATE ON {} FOR EACH ROW WHEN (NEW.{} IS NULL) EXECUTE FUNCTION {}()",
        name.quoted(),
        table.quoted(),
        column.quoted(),
        function.quoted()
    )
}

/// A trigger on a referencing table, for rows that come to point at another. Its name must sort after the fill
/// trigger's: that one fills the tenant first.
pub fn adopt_trigger(
    table: &QualifiedName,
    name: &Ident,
    columns: &[Ident],
    tenant: &Ident,
    function: &QualifiedName,
) -> String {
    let present: Vec<String> =
        columns.iter().chain([tenant]).map(|c| format!("NEW.{} IS NOT NULL", c.quoted())).collect();
    format!(
        "CREATE OR REPLACE TRIGGER {} BEFORE INSERT OR UPDATE ON {} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION {}()",
        name.quoted(),
        table.quoted(),
        present.join(" AND "),
        function.quoted()
    )
}

/// Takes a trigger away if it (and its table) is there.
pub fn drop_trigger(table: &QualifiedName, name: &Ident) -> String {
    format!("DROP TRIGGER IF EXISTS {} ON {}", name.quoted(), table.quoted())
}

/// A look-up: the listed columns of the one row that matches, for callers without a tenant.
pub struct Lookup<'a> {
    /// Name in schema `tenantry`.
    pub name: QualifiedName,
    /// The table.
    pub table: &'a QualifiedName,
    /// Columns that must match, with their types.
    pub arguments: &'a [(Ident, String)],
    /// Columns returned, with their types.
    pub returns: &'a [(Ident, String)],
    /// Pinned `search_path`; ends in `pg_temp`.
    pub search_path: &'a str,
}

impl Lookup<'_> {
    /// `"tenantry"."lookup_x"(type, type)`
    pub fn signature(&self) -> String {
        let types: Vec<&str> = self.arguments.iter().map(|(_, t)| t.as_str()).collect();
        format!("{}({})", self.name.quoted(), types.join(", "))
    }

    /// Its definition. Arguments and results have no names in the body, so no column can be mistaken for one.
    pub fn create(&self) -> String {
        let types: Vec<&str> = self.arguments.iter().map(|(_, t)| t.as_str()).collect();
        let returns: Vec<String> = self.returns.iter().map(|(c, t)| format!("{} {t}", c.quoted())).collect();
        let columns: Vec<String> = self.returns.iter().map(|(c, _)| format!("tenantry_row.{}", c.quoted())).collect();
        let conditions: Vec<String> = self
            .arguments
            .iter()
            .enumerate()
            .map(|(n, (c, _))| format!("tenantry_row.{} = ${}", c.quoted(), n + 1))
            .collect();
        let body = format!(
            "SELECT {} FROM {} AS tenantry_row WHERE {} LIMIT 1",
            columns.join(", "),
            self.table.quoted(),
            conditions.join(" AND ")
        );
        format!(
            "CREATE FUNCTION {}({}) RETURNS TABLE ({}) LANGUAGE sql STABLE STRICT SECURITY DEFINER ROWS 1 SET search_path = {} AS {}",
            self.name.quoted(),
            types.join(", "),
            returns.join(", "),
            self.search_path,
            dollar(&body)
        )
    }
}

/// A function that asks, with the rights of the one who asks, whether a row of this table is there for it. A policy
/// cannot ask its own table directly.
pub fn visible(
    name: &QualifiedName,
    types: &[String],
    table: &QualifiedName,
    columns: &[Ident],
    search_path: &str,
) -> String {
    let conditions: Vec<String> =
        columns.iter().enumerate().map(|(n, c)| format!("tenantry_row.{} = ${}", c.quoted(), n + 1)).collect();
    let body = format!(
        "BEGIN RETURN EXISTS (SELECT FROM {} AS tenantry_row WHERE {}); END",
        table.quoted(),
        conditions.join(" AND ")
    );
    format!(
        "CREATE FUNCTION {}({}) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = {search_path} AS {}",
        name.quoted(),
        types.join(", "),
        dollar(&body)
    )
}

/// A text between dollar quotes that it does not hold.
fn dollar(body: &str) -> String {
    let mut tag = "tenantry".to_owned();
    while body.contains(&format!("${tag}$")) {
        tag.push('_');
    }
    format!("${tag}$\n{body}\n${tag}$")
}
