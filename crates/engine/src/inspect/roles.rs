//! Database roles and their memberships, and the names of settings stored for them. Passwords and values stay on the
//! server.

use tenantry_blueprint::catalog::{DbRole, StoredSetting};
use tenantry_pg::Client;

use super::Error;
use super::row::{Read, query};

const ROLES: &str = "
SELECT r.rolname::text AS name, r.rolsuper AS superuser, r.rolbypassrls AS bypass_rls, r.rolcanlogin AS login,
       r.rolcreaterole AS create_role, r.rolcreatedb AS create_db, r.rolreplication AS replication, r.rolinherit AS inherit,
       ARRAY(SELECT DISTINCT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
             WHERE m.member = r.oid) AS member_of
FROM pg_roles r WHERE NOT starts_with(r.rolname, 'pg_')";

const SETTINGS: &str = "
SELECT DISTINCT r.rolname::text AS role, split_part(setting, '=', 1) AS name
FROM pg_db_role_setting s
LEFT JOIN pg_roles r ON r.oid = s.setrole
CROSS JOIN unnest(s.setconfig) setting
WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))";

/// The roles, sorted.
pub(super) async fn read(client: &Client) -> Result<Vec<DbRole>, Error> {
    let rows = query(client, "roles", ROLES, None).await?;
    let mut roles: Vec<DbRole> = rows.iter().map(role).collect::<Result<_, _>>()?;
    roles.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(roles)
}

fn role(row: &Read) -> Result<DbRole, Error> {
    let mut member_of = row.idents("member_of")?;
    member_of.sort();
    Ok(DbRole {
        name: row.ident("name")?,
        superuser: row.flag("superuser")?,
        bypass_rls: row.flag("bypass_rls")?,
        login: row.flag("login")?,
        create_role: row.flag("create_role")?,
        create_db: row.flag("create_db")?,
        replication: row.flag("replication")?,
        inherit: row.flag("inherit")?,
        member_of,
    })
}

/// The stored settings, sorted.
pub(super) async fn settings(client: &Client) -> Result<Vec<StoredSetting>, Error> {
    let rows = query(client, "stored settings", SETTINGS, None).await?;
    let mut settings = Vec::new();
    for row in &rows {
        let role = row.get::<Option<&str>>("role")?.map(|_| row.ident("role")).transpose()?;
        settings.push(StoredSetting { role, name: row.text("name")? });
    }
    settings.sort_by(|a, b| (&a.role, &a.name).cmp(&(&b.role, &b.name)));
    Ok(settings)
}
