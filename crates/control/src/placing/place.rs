//! What is done in the application's server: making a place, and taking it away. Each is done twice without harm.
//!
//! A schema comes with its roles, rights and mark in one transaction: it is whole, or it is not there. A database
//! cannot be made in a transaction; it is named in the control plane before, so whoever comes after a kill finds it.

use tenantry_model::{Ident, literal};
use tenantry_pg::Client;
use tenantry_wire::scram::{ITERATIONS_MIN, Verifier};

use super::{Placement, mark, named, password, version_in};
use crate::error::{Code, Error};
use crate::secret::{Secret, random};
use crate::work::Application;
use crate::work::hands::{enter, failed};
use crate::work::moment::moment;

/// Bytes of a salt.
const SALT_BYTES: usize = 16;

/// Two that grant rights on the same thing at once fail: before such a grant, and until its transaction ends, there is
/// one.
const ALONE: &str = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('tenantry grants', 0));";

/// What a template says of the version it is of.
pub(crate) const TEMPLATE_MARK: &str = "tenantry template version ";

/// Makes the schema of a tenant, with all that belongs to it. Gives the version of the application in it.
pub(crate) async fn make_schema(
    client: &Client,
    p: &Placement,
    template: &str,
    secret: &Secret,
) -> Result<Option<String>, Error> {
    let schema = named(p.schema.as_ref())?;
    let (role, owner) = (named(p.role.as_ref())?, named(p.owner.as_ref())?);
    let there =
        "SELECT pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = $1";
    let there = client.query_opt(there, &[&schema.as_str()]).await.map_err(failed("look for the schema"))?;
    if let Some(row) = there {
        let text: Option<String> = row.get(0);
        return text.and_then(|t| version_in(&t, p.tenant)).ok_or_else(|| not_ours("schema", &schema));
    }
    begin(client).await?;
    moment().await;
    // a migration of the template waits until this is done, and the other way about
    let alone = format!(
        "SELECT pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended({}, 0))",
        literal(&template_lock(template))
    );
    client.batch_execute(&alone).await.map_err(failed("wait for the template"))?;
    let version = schema_version(client, template).await?;
    make_role(client, &role, Some(secret)).await?;
    make_role(client, &owner, None).await?;
    let extensions = extension_schemas(client, template).await?;
    let (s, r, o, d) = (schema.quoted(), role.quoted(), owner.quoted(), database(client).await?.quoted());
    let mut sql = format!(
        "GRANT {o}, {r} TO CURRENT_USER; CREATE SCHEMA {s} AUTHORIZATION {o}; GRANT USAGE ON SCHEMA {s} TO {r}; \
         ALTER ROLE {r} IN DATABASE {d} SET search_path = {};",
        [s.clone()].into_iter().chain(extensions.iter().map(Ident::quoted)).collect::<Vec<_>>().join(", ")
    );
    if !extensions.is_empty() {
        sql.push_str(ALONE);
    }
    for extension in &extensions {
        sql.push_str(&format!("GRANT USAGE ON SCHEMA {} TO {o}, {r};", extension.quoted()));
    }
    client.batch_execute(&sql).await.map_err(failed("make the schema"))?;
    moment().await;
    let extra = extensions.iter().map(Ident::quoted).collect::<Vec<_>>().join(", ");
    set(
        client,
        &[
            ("template", template),
            ("schema", schema.as_str()),
            ("owner", owner.as_str()),
            ("key", &p.tenant.to_string()),
            ("path", &extra),
        ],
    )
    .await?;
    client.batch_execute(include_str!("clone.sql")).await.map_err(failed("copy the template schema"))?;
    moment().await;
    let sql = format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {s} TO {r}; \
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {s} TO {r}; \
         GRANT EXECUTE ON ALL ROUTINES IN SCHEMA {s} TO {r}; \
         ALTER DEFAULT PRIVILEGES FOR ROLE {o} IN SCHEMA {s} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {r}; \
         ALTER DEFAULT PRIVILEGES FOR ROLE {o} IN SCHEMA {s} GRANT USAGE, SELECT ON SEQUENCES TO {r}; \
         COMMENT ON SCHEMA {s} IS {}; {ALONE} GRANT CONNECT ON DATABASE {d} TO {r}",
        literal(&mark(p.tenant, version.as_deref()))
    );
    client.batch_execute(&sql).await.map_err(failed("give the tenant its rights"))?;
    moment().await;
    client.batch_execute("COMMIT").await.map_err(failed("make the schema last"))?;
    Ok(version)
}

/// The key of the lock that copies and migrations of a template share.
pub(crate) fn template_lock(template: &str) -> String {
    format!("tenantry template {template}")
}

/// Copies a template into a new database, unless that is there. Gives the version of the application in it.
pub(crate) async fn copy_database(client: &Client, template: &str, name: &Ident) -> Result<Option<String>, Error> {
    let version = database_version(client, template).await?;
    let there = "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)";
    let there = client.query_one(there, &[&name.as_str()]).await.map_err(failed("look for the database"))?;
    if !there.get::<_, bool>(0) {
        let template = Ident::new(template).map_err(|e| Error::bug("use the template's name").because(e))?;
        let sql = format!("CREATE DATABASE {} TEMPLATE {}", name.quoted(), template.quoted());
        client.batch_execute(&sql).await.map_err(failed("copy the template database"))?;
        moment().await;
    }
    // nobody but the owner may enter what nobody has yet
    let sql = format!("REVOKE ALL ON DATABASE {} FROM PUBLIC", name.quoted());
    client.batch_execute(&sql).await.map_err(failed("close the new database"))?;
    if database_version(client, template).await? != version {
        // it may be half of one and half of the other
        drop_database(client, name).await?;
        return Err(Error::new(Code::Busy, "the template was migrated while it was copied"));
    }
    Ok(version)
}

/// Gives a tenant its login in a database of its own, and writes down whose it is.
pub(crate) async fn open_database(
    application: &Application,
    p: &Placement,
    template: &str,
    secret: &Secret,
) -> Result<(), Error> {
    let (name, role) = (named(p.own_database.as_ref())?, named(p.role.as_ref())?);
    let client = enter(application, name.as_str()).await?;
    begin(&client).await?;
    moment().await;
    make_role(&client, &role, Some(secret)).await?;
    set(&client, &[("role", role.as_str()), ("runtime", &format!("{template}_rt"))]).await?;
    client.batch_execute(include_str!("grant.sql")).await.map_err(failed("give the tenant its rights"))?;
    let (n, r) = (name.quoted(), role.quoted());
    let sql = format!(
        "GRANT {r} TO CURRENT_USER; REVOKE ALL ON DATABASE {n} FROM PUBLIC; GRANT CONNECT ON DATABASE {n} TO {r}; COMMENT ON DATABASE {n} IS {}",
        literal(&mark(p.tenant, p.version.as_deref()))
    );
    client.batch_execute(&sql).await.map_err(failed("give the tenant its rights"))?;
    moment().await;
    client.batch_execute("COMMIT").await.map_err(failed("make the tenant's rights last"))?;
    client.close().await;
    Ok(())
}

/// Takes a tenant's place away, with its roles, if it is there and is this tenant's.
pub(crate) async fn remove(client: &Client, p: &Placement) -> Result<(), Error> {
    if let Some(name) = &p.own_database {
        let name = named(Some(name))?;
        let sql =
            "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = $1";
        let row = client.query_opt(sql, &[&name.as_str()]).await.map_err(failed("look for the database"))?;
        if let Some(row) = row {
            let text: Option<String> = row.get(0);
            // one without a mark was copied, and not opened yet
            if text.is_some_and(|t| version_in(&t, p.tenant).is_none()) {
                return Err(not_ours("database", &name));
            }
            drop_database(client, &name).await?;
            moment().await;
        }
    }
    begin(client).await?;
    if let Some(name) = &p.schema {
        let name = named(Some(name))?;
        let sql =
            "SELECT pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = $1";
        let row = client.query_opt(sql, &[&name.as_str()]).await.map_err(failed("look for the schema"))?;
        if let Some(row) = row {
            let text: Option<String> = row.get(0);
            if text.and_then(|t| version_in(&t, p.tenant)).is_none() {
                return Err(not_ours("schema", &name));
            }
            let sql = format!("DROP SCHEMA {} CASCADE", name.quoted());
            client.batch_execute(&sql).await.map_err(failed("drop the schema"))?;
            moment().await;
        }
    }
    for role in [&p.role, &p.owner].into_iter().flatten() {
        let role = named(Some(role))?;
        if exists(client, &role).await? {
            let r = role.quoted();
            end_sessions(client, &role).await?;
            let sql = format!("{ALONE} DROP OWNED BY {r}; DROP ROLE {r}");
            client.batch_execute(&sql).await.map_err(failed("drop the tenant's role"))?;
        }
    }
    moment().await;
    client.batch_execute("COMMIT").await.map_err(failed("make it last"))
}

/// Lets a login in, or keeps it out and ends its sessions.
pub(crate) async fn let_in(client: &Client, role: &Ident, may: bool) -> Result<(), Error> {
    if !exists(client, role).await? {
        return Ok(());
    }
    let sql = format!("ALTER ROLE {} {}", role.quoted(), if may { "LOGIN" } else { "NOLOGIN" });
    client.batch_execute(&sql).await.map_err(failed("let the tenant's login in, or keep it out"))?;
    if may { Ok(()) } else { end_sessions(client, role).await }
}

/// Drops a database, whoever is in it.
pub(crate) async fn drop_database(client: &Client, name: &Ident) -> Result<(), Error> {
    let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", name.quoted());
    client.batch_execute(&sql).await.map_err(failed("drop the database"))
}

/// The version that a template schema says it is of.
pub(crate) async fn schema_version(client: &Client, template: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = $1";
    let row = client.query_opt(sql, &[&template]).await.map_err(failed("read the template's version"))?;
    let text: Option<String> = row.and_then(|r| r.get(0));
    Ok(text.and_then(|t| t.strip_prefix(TEMPLATE_MARK).map(str::to_owned)))
}

/// The version that a template database says it is of.
pub(crate) async fn database_version(client: &Client, template: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = $1";
    let row = client.query_opt(sql, &[&template]).await.map_err(failed("read the template's version"))?;
    let Some(row) = row else {
        return Err(Error::new(Code::StateConflict, format!("the template database `{template}` is not there")));
    };
    let text: Option<String> = row.get(0);
    Ok(text.and_then(|t| t.strip_prefix(TEMPLATE_MARK).map(str::to_owned)))
}

async fn database(client: &Client) -> Result<Ident, Error> {
    let row = client.query_one("SELECT pg_catalog.current_database()::text", &[]).await;
    let name: String = row.map_err(failed("ask for the database's name"))?.get(0);
    Ident::new(name).map_err(|e| Error::bug("use the database's name").because(e))
}

/// Schemas of extensions: their types and operators are the application's too.
pub(crate) async fn extension_schemas(client: &Client, template: &str) -> Result<Vec<Ident>, Error> {
    let sql = "SELECT DISTINCT n.nspname::text FROM pg_catalog.pg_extension e
               JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
               WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', $1) ORDER BY 1";
    let rows = client.query(sql, &[&template]).await.map_err(failed("look for extensions"))?;
    rows.iter()
        .map(|r| Ident::new(r.get::<_, String>(0)).map_err(|e| Error::bug("use a schema's name").because(e)))
        .collect()
}

async fn exists(client: &Client, role: &Ident) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)";
    Ok(client.query_one(sql, &[&role.as_str()]).await.map_err(failed("look for the role"))?.get(0))
}

/// Makes a role: a login with its password, or one that owns and never logs in.
async fn make_role(client: &Client, role: &Ident, login: Option<&Secret>) -> Result<(), Error> {
    let doing = "make the tenant's roles";
    if !exists(client, role).await? {
        let sql = format!("CREATE ROLE {} NOLOGIN", role.quoted());
        client.batch_execute(&sql).await.map_err(failed(doing))?;
    }
    let Some(secret) = login else { return Ok(()) };
    // the server is told what checks the password, and never the password
    let verifier = Verifier::from_password(
        password(secret, role.as_str()).as_bytes(),
        &random::<SALT_BYTES>()?[..],
        ITERATIONS_MIN,
    );
    let verifier = verifier.map_err(|e| Error::bug("make a verifier").because(e))?;
    let sql = format!("ALTER ROLE {} LOGIN PASSWORD {}", role.quoted(), literal(&verifier.to_text()));
    client.batch_execute(&sql).await.map_err(failed(doing))
}

/// Whoever is logged in as a role that goes must go first.
async fn end_sessions(client: &Client, role: &Ident) -> Result<(), Error> {
    let sql = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = $1";
    client.query(sql, &[&role.as_str()]).await.map_err(failed("end the tenant's sessions")).map(drop)
}

/// Values for a script, for this transaction.
async fn set(client: &Client, values: &[(&str, &str)]) -> Result<(), Error> {
    let calls: Vec<String> = values
        .iter()
        .map(|(name, value)| format!("pg_catalog.set_config('tenantry_place.{name}', {}, true)", literal(value)))
        .collect();
    let sql = format!("SELECT {}", calls.join(", "));
    client.batch_execute(&sql).await.map_err(failed("say what is to be done"))
}

async fn begin(client: &Client) -> Result<(), Error> {
    client.batch_execute("BEGIN").await.map_err(failed("begin"))
}

fn not_ours(what: &str, name: &Ident) -> Error {
    let detail = format!("{what} {name} is there and does not say that it is this tenant's: it is left alone");
    Error::new(Code::StateConflict, detail)
}
