//! Makes the schema `tenantry_control` and the two roles that work in it, and brings it up to date.
//!
//! Runs as the owner, who is never used again: the API logs in as `{database}_control_api`, whose password is made
//! from the control plane's secret, so that every process with that secret knows it and nobody has to write it down.

use tenantry_model::{Ident, literal};
use tenantry_pg::{Client, Session, Target, connect_with, in_plain_words, tokio_postgres};

use crate::error::Error;
use crate::secret::Secret;

mod embedded {
    refinery::embed_migrations!("src/migrations");
}

/// The lock that makes two processes that start at once wait for each other: "tenantry" as a number.
const LOCK: i64 = 0x7465_6e61_6e74;

/// What the API needs to work.
pub(crate) struct Migrated {
    /// The database, entered as the API.
    pub(crate) api: Target,
    /// The role of the platform's transactions.
    pub(crate) operator: Ident,
}

/// Brings the database up to date.
pub(crate) async fn run(owner: &Target, secret: &Secret) -> Result<Migrated, Error> {
    let unreachable = |e: tenantry_pg::ConnectError| Error::start("reach the control plane's database").because(e);
    let session = Session::tool().with("lock_timeout", "30s");
    let mut client = connect_with(owner, &session).await.map_err(unreachable)?;
    let name = client.query_one("SELECT pg_catalog.current_database()::text", &[]).await;
    let name: String = name.map_err(failed("ask for the database's name"))?.get(0);
    let api = role(&name, "api")?;
    let operator = role(&name, "operator")?;
    let password = secret.derive("database login of the API", &name);
    client.execute("SELECT pg_catalog.pg_advisory_lock($1)", &[&LOCK]).await.map_err(failed("wait for others"))?;
    make_roles(&client, &api, &operator, &password).await?;
    client.batch_execute("CREATE SCHEMA IF NOT EXISTS tenantry_control").await.map_err(failed("make the schema"))?;
    let grant = format!("GRANT USAGE ON SCHEMA tenantry_control TO {}, {}", api.quoted(), operator.quoted());
    client.batch_execute(&grant).await.map_err(failed("let the API use the schema"))?;
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name("tenantry_control.migration");
    let inner: &mut tokio_postgres::Client = &mut client;
    let report = runner.run_async(inner).await;
    let report = report.map_err(|e| Error::start("bring the control plane's database up to date").because(e))?;
    for done in report.applied_migrations() {
        tracing::info!("migration {} {} is applied", done.version(), done.name());
    }
    for sql in [tenantry_audit::store::TABLES, tenantry_audit::store::FOLLOW_CONTROL] {
        client.batch_execute(sql).await.map_err(failed("chain the audit entries"))?;
    }
    let forgettable = client.batch_execute(include_str!("forgettable.sql")).await;
    forgettable.map_err(failed("let erased tenants be forgotten"))?;
    client.close().await;
    Ok(Migrated { api: owner.with_login(api.as_str(), &password), operator })
}

fn role(database: &str, kind: &str) -> Result<Ident, Error> {
    Ident::new(format!("{database}_control_{kind}"))
        .map_err(|e| Error::start("name the roles: give the control plane's database a shorter name").because(e))
}

async fn make_roles(client: &Client, api: &Ident, operator: &Ident, password: &str) -> Result<(), Error> {
    let (a, o) = (api.quoted(), operator.quoted());
    let there = "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)";
    let rights = failed("make the roles: the login needs CREATEROLE, or is a superuser");
    for (name, quoted, options) in [(operator, &o, "NOLOGIN"), (api, &a, "LOGIN NOINHERIT")] {
        let there: bool = client.query_one(there, &[&name.as_str()]).await.map_err(&rights)?.get(0);
        if !there {
            client.batch_execute(&format!("CREATE ROLE {quoted} {options}")).await.map_err(&rights)?;
        }
    }
    let sql = format!("ALTER ROLE {a} LOGIN NOINHERIT PASSWORD {}; GRANT {o} TO {a}", literal(password));
    client.batch_execute(&sql).await.map_err(&rights)
}

fn failed(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> Error {
    move |e| Error::start(doing).because_text(in_plain_words(&e))
}
