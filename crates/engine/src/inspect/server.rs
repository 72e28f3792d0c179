//! Is this server fit for isolation, and may this login do it? Asked before anything is planned or changed.

use std::collections::BTreeMap;
use std::fmt;

use tenantry_blueprint::catalog::Catalog;
use tenantry_model::{Class, Ident, ServerVersion};
use tenantry_pg::Client;

use super::Error;
use super::row::query;

/// What a server is, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its version.
    pub version: ServerVersion,
    /// It is a standby: nothing can be written there.
    pub standby: bool,
    /// New transactions are read-only by its settings.
    pub read_only: bool,
    /// The cluster's own number, the same on its standbys; `None` if this login may not see it.
    pub system_identifier: Option<i64>,
    /// The database.
    pub database: Ident,
    /// Who is connected.
    pub user: Ident,
    /// Who is connected is a superuser.
    pub superuser: bool,
}

/// Why a server is not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// tenantry needs what this version does not have.
    #[error("PostgreSQL {0} is too old: 15 or later is needed")]
    TooOld(ServerVersion),
    /// Row-level security has known holes there.
    #[error(
        "PostgreSQL {found} has known ways around row-level security, closed in {floor}: update the server, or say \
         --allow-old-server to go on without that protection"
    )]
    BelowFloor {
        /// The server's version.
        found: ServerVersion,
        /// The first release that will do.
        floor: ServerVersion,
    },
    /// The server is a standby.
    #[error("this server is a standby, which takes no changes: give the address of the primary")]
    Standby,
    /// Transactions are read-only by a setting.
    #[error("transactions are read-only here (default_transaction_read_only is on): turn it off for this login")]
    ReadOnly,
}

impl Unfit {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Caller
    }
}

impl Facts {
    /// Whether the server can be inspected: its version will do. With `allow_old` a version with known holes will do too.
    pub fn check_version(&self, allow_old: bool) -> Result<(), Unfit> {
        let found = self.version;
        if found.is_unsupported() {
            return Err(Unfit::TooOld(found));
        }
        match found.floor() {
            Some(floor) if found < floor && !allow_old => Err(Unfit::BelowFloor { found, floor }),
            _ => Ok(()),
        }
    }

    /// Whether the database can be changed as well.
    pub fn check_writable(&self) -> Result<(), Unfit> {
        match (self.standby, self.read_only) {
            (true, _) => Err(Unfit::Standby),
            (false, true) => Err(Unfit::ReadOnly),
            (false, false) => Ok(()),
        }
    }
}

/// Asks the server what it is.
pub async fn facts(client: &Client) -> Result<Facts, Error> {
    let sql = "
SELECT current_setting('server_version_num')::int4 AS version, pg_is_in_recovery() AS standby,
       current_setting('default_transaction_read_only')::bool AS read_only,
       has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may_see_identifier,
       current_database()::text AS database, current_user::text AS user,
       (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS superuser";
    let rows = query(client, "server", sql, None).await?;
    let Some(row) = rows.first() else { unreachable!("a SELECT without FROM gives one row") };
    let system_identifier = match row.flag("may_see_identifier")? {
        true => query(client, "server", "SELECT system_identifier AS id FROM pg_control_system()", None).await?,
        false => Vec::new(),
    };
    Ok(Facts {
        version: ServerVersion(row.get::<i32>("version")?.unsigned_abs()),
        standby: row.flag("standby")?,
        read_only: row.flag("read_only")?,
        system_identifier: system_identifier.first().map(|r| r.get("id")).transpose()?,
        database: row.ident("database")?,
        user: row.ident("user")?,
        superuser: row.flag("superuser")?,
    })
}

/// A right that isolation needs and this login has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRight {
    /// What for, in plain words.
    pub purpose: String,
    /// The statement with which an administrator gives it.
    pub grant: String,
}

impl fmt::Display for MissingRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.purpose, self.grant)
    }
}

/// What this login lacks to isolate the database; empty if nothing. Superusers lack nothing.
pub async fn missing_rights(client: &Client, catalog: &Catalog) -> Result<Vec<MissingRight>, Error> {
    let sql = "
SELECT r.rolsuper AS superuser, r.rolcreaterole AS create_role, r.rolbypassrls AS bypass_rls,
       has_database_privilege(current_database(), 'CREATE') AS create_schema,
       ARRAY(SELECT o.rolname::text FROM pg_catalog.pg_roles o WHERE pg_has_role(o.oid, 'USAGE')) AS may_act_as,
       current_user::text AS user
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
    let rows = query(client, "rights of this login", sql, None).await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    if row.flag("superuser")? {
        return Ok(Vec::new());
    }
    let user = row.ident("user")?.quoted();
    let mut missing = Vec::new();
    let mut lacks = |purpose: String, grant: String| missing.push(MissingRight { purpose, grant });
    if !row.flag("create_role")? {
        lacks("to make the roles of the runtime".into(), format!("ALTER ROLE {user} CREATEROLE"));
    }
    let database = Ident::new(&catalog.database).map(|d| d.quoted()).unwrap_or_default();
    if !row.flag("create_schema")? {
        lacks("to make schema tenantry".into(), format!("GRANT CREATE ON DATABASE {database} TO {user}"));
    }
    let may_act_as = row.idents("may_act_as")?;
    for (owner, objects) in owners(catalog) {
        if may_act_as.contains(owner) {
            continue;
        }
        let names: Vec<String> = objects.iter().map(|(_, name)| name.clone()).collect();
        let purpose = format!("to change what role {owner} owns ({})", few(&names));
        // nobody should become a member of a superuser for this
        if catalog.role(owner.as_str()).is_some_and(|r| r.superuser) {
            let alter = |(what, name): &(&str, String)| format!("ALTER {what} {name} OWNER TO {user}");
            lacks(purpose, objects.iter().map(alter).collect::<Vec<_>>().join("; "));
        } else {
            lacks(purpose, format!("GRANT {} TO {user}", owner.quoted()));
        }
    }
    let forced: Vec<String> = catalog.tables.iter().filter(|t| t.rls_forced).map(|t| t.name.to_string()).collect();
    if !forced.is_empty() && !row.flag("bypass_rls")? {
        let purpose =
            format!("to fill and check tables that force row-level security on their owner ({})", few(&forced));
        lacks(purpose, format!("ALTER ROLE {user} BYPASSRLS"));
    }
    Ok(missing)
}

/// Each role and what it owns, as kind and quoted name, out of all that isolation touches.
fn owners(catalog: &Catalog) -> BTreeMap<&Ident, Vec<(&'static str, String)>> {
    let schemas = catalog.schemas.iter().map(|s| (&s.owner, "SCHEMA", s.name.quoted()));
    let tables = catalog.tables.iter().map(|t| (&t.owner, "TABLE", t.name.quoted()));
    let kind = |materialized| if materialized { "MATERIALIZED VIEW" } else { "VIEW" };
    let views = catalog.views.iter().map(|v| (&v.owner, kind(v.materialized), v.name.quoted()));
    // a sequence of a column goes with its table
    let sequences = catalog.sequences.iter().filter(|s| s.owned_by.is_none());
    let sequences = sequences.map(|s| (&s.owner, "SEQUENCE", s.name.quoted()));
    let database = catalog.database_owner.as_ref().zip(Ident::new(&catalog.database).ok());
    let database = database.into_iter().map(|(owner, name)| (owner, "DATABASE", name.quoted()));
    let mut owners: BTreeMap<&Ident, Vec<_>> = BTreeMap::new();
    for (owner, kind, name) in database.chain(schemas).chain(tables).chain(views).chain(sequences) {
        // that role stands for the owner of the database, and can have no other member
        let stands_in = catalog.database_owner.as_ref().filter(|_| owner.as_str() == "pg_database_owner");
        owners.entry(stands_in.unwrap_or(owner)).or_default().push((kind, name));
    }
    owners
}

/// The first of a list, and how many more there are.
fn few(objects: &[String]) -> String {
    match objects {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one}, {two}"),
        [one, two, more @ ..] => format!("{one}, {two} and {} more", more.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(version: u32) -> Facts {
        let name = |text: &str| Ident::new(text).unwrap();
        Facts {
            version: ServerVersion(version),
            standby: false,
            read_only: false,
            system_identifier: None,
            database: name("app"),
            user: name("ann"),
            superuser: false,
        }
    }

    #[test]
    fn old_servers_are_refused_with_the_version_to_update_to() {
        assert_eq!(facts(150_020).check_version(false), Ok(()));
        let error = facts(150_018).check_version(false).unwrap_err().to_string();
        assert!(error.contains("15.18") && error.contains("15.20") && error.contains("--allow-old-server"), "{error}");
        assert_eq!(facts(150_018).check_version(true), Ok(()));
        assert_eq!(facts(140_030).check_version(true), Err(Unfit::TooOld(ServerVersion(140_030))));
    }

    #[test]
    fn standbys_and_read_only_logins_are_refused() {
        assert_eq!(Facts { standby: true, ..facts(150_020) }.check_writable(), Err(Unfit::Standby));
        assert_eq!(Facts { read_only: true, ..facts(150_020) }.check_writable(), Err(Unfit::ReadOnly));
        assert_eq!(facts(150_020).check_writable(), Ok(()));
    }
}
