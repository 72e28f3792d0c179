//! The demonstration application: its files travel inside the binary, its database is `engage`.

use std::path::PathBuf;

use secrecy::ExposeSecret;
use tenantry_blueprint::registry::Registry;
use tenantry_embedded::cluster::random_password;
use tenantry_engine::credentials::Credentials;
use tenantry_model::{Class, Ident, literal};
use tenantry_pg::{Session, Target, class_of, connect, connect_with, in_plain_words, tokio_postgres};

use super::place::Place;
use crate::commands::apply::CREDENTIALS_FILE;
use crate::config::directory::FILE_DEFAULT;
use crate::errors::Failure;
use crate::output::Output;
use crate::output::files::{self, Readers};

/// Name of its database.
pub(super) const DATABASE: &str = "engage";

/// The control plane's login in it.
const CONTROL_LOGIN: &str = "engage_control";

const SCHEMA: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/engage/schema.sql"));
const GENERATE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/engage/generate.sql"));
const REGISTRY: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/engage/tenantry.toml"));

/// The seed of the generated rows: everybody's demonstration is the same.
const SEED: i32 = 1;

/// The demonstration on one server.
pub(super) struct Demo {
    /// Its database, as the administrator.
    pub(super) target: Target,
    /// Where its files are.
    pub(super) folder: PathBuf,
    /// What each of its tables is.
    pub(super) registry: Registry,
    admin: Target,
}

impl Demo {
    /// The demonstration of this place; nothing is made yet but its folder.
    pub(super) fn at(place: &Place) -> Result<Self, Failure> {
        let folder = place.folder();
        let registry =
            Registry::parse(REGISTRY).map_err(|e| Failure::bug("read the demonstration's registry").because(e))?;
        let target = place.admin.with_database(DATABASE);
        files::make_private_folder(&folder)?;
        files::write(&folder.join("tenantry.toml"), REGISTRY, Readers::Everybody)?;
        files::write(&folder.join("admin.url"), &conninfo(&target), Readers::Owner)?;
        Ok(Self { target, folder, registry, admin: place.admin.clone() })
    }

    /// The file with the application's logins and its signing key.
    pub(super) fn credentials(&self) -> PathBuf {
        self.folder.join(CREDENTIALS_FILE)
    }

    /// The file that lists its tenants for the proxy.
    pub(super) fn tenants(&self) -> PathBuf {
        self.folder.join(FILE_DEFAULT)
    }

    /// Makes the database and fills it, unless an earlier run did. A half-made one is made anew.
    pub(super) async fn make(&self, tenants: u32, rows: u32, output: &Output) -> Result<(), Failure> {
        self.create_database().await?;
        let mut client = connect_with(&self.target, &Session::plain()).await?;
        let made = "SELECT to_regclass('public.workspaces') IS NOT NULL";
        if client.query_one(made, &[]).await.map_err(failed("look for the demonstration"))?.get(0) {
            output.say(&format!("database {DATABASE} is there already (--reset begins anew)"));
            return Ok(());
        }
        let progress = output.progress(0);
        progress.now(format!("making {rows} rows of {tenants} tenants"));
        // schema and rows together: whoever interrupts this finds nothing next time, not half of it
        let transaction = client.transaction().await.map_err(failed("begin"))?;
        transaction.batch_execute(SCHEMA).await.map_err(failed("make the demonstration's schema"))?;
        transaction.batch_execute(GENERATE).await.map_err(failed("load the generator"))?;
        let sql = format!("SELECT pg_temp.demo_generate({tenants}, {rows}, {SEED})");
        let row = transaction.query_one(&sql, &[]).await.map_err(failed("make the demonstration's rows"))?;
        transaction.commit().await.map_err(failed("commit the demonstration"))?;
        client.batch_execute("VACUUM ANALYZE").await.map_err(failed("gather statistics"))?;
        client.close().await;
        progress.finish();
        output.say(&format!("database {DATABASE}: {} rows of {tenants} tenants made", row.get::<_, i64>(0)));
        Ok(())
    }

    async fn create_database(&self) -> Result<(), Failure> {
        let client = connect(&self.admin).await?;
        let sql = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
        let there: bool = client.query_one(sql, &[&DATABASE]).await.map_err(failed("look for the database"))?.get(0);
        if !there {
            let create = format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", ident(DATABASE)?.quoted());
            client.batch_execute(&create).await.map_err(failed("create the database"))?;
        }
        client.close().await;
        Ok(())
    }

    /// Drops the database, the roles tenantry made for it and the application's login.
    pub(super) async fn drop(&self, output: &Output) -> Result<(), Failure> {
        let client = connect(&self.admin).await?;
        let sql = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
        let there: bool = client.query_one(sql, &[&DATABASE]).await.map_err(failed("look for the database"))?.get(0);
        // what tenantry made for it belongs to the whole server, and the database's own end does not remove it
        let roles = if there && self.has_schema().await? { self.roles()? } else { Vec::new() };
        if there {
            output.say(&format!("dropping database {DATABASE}"));
            let drop = format!("DROP DATABASE {} WITH (FORCE)", ident(DATABASE)?.quoted());
            client.batch_execute(&drop).await.map_err(failed("drop the database"))?;
        }
        for role in roles {
            let drop = format!("DROP ROLE IF EXISTS {}", role.quoted());
            client.batch_execute(&drop).await.map_err(failed("drop the roles of the demonstration"))?;
        }
        let sql = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'engage_app')";
        if client.query_one(sql, &[]).await.map_err(failed("look for the login"))?.get(0) {
            client.batch_execute("DROP ROLE engage_app").await.map_err(failed("drop the login engage_app"))?;
        }
        client.close().await;
        files::remove(&self.tenants())?;
        files::remove(&self.credentials())
    }

    async fn has_schema(&self) -> Result<bool, Failure> {
        let client = connect(&self.target).await?;
        let sql = "SELECT to_regnamespace('tenantry') IS NOT NULL";
        let row = client.query_one(sql, &[]).await.map_err(failed("look for schema tenantry"))?;
        client.close().await;
        Ok(row.get(0))
    }

    /// The roles tenantry makes for the demonstration, members before their groups.
    fn roles(&self) -> Result<Vec<Ident>, Failure> {
        let names = &self.registry.roles;
        let slots = (1..=names.slots).map(|n| format!("{}{n:02}", names.slot_prefix));
        let slots = slots.chain([CONTROL_LOGIN.to_owned()]);
        let groups = [&names.runtime, &names.owner, &names.keeper, &names.quota].map(Clone::clone);
        slots.chain(groups).map(|name| ident(&name.replace("{database}", DATABASE))).collect()
    }

    /// The database as the control plane enters it: a login that may set quotas and nothing else, with a new password
    /// every time. None where nothing is counted.
    pub(super) async fn quota_login(&self) -> Result<Option<Target>, Failure> {
        let group = self.registry.roles.quota.replace("{database}", DATABASE);
        let client = connect(&self.target).await?;
        let sql = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)";
        let is_there = async |role: &str| {
            let row = client.query_one(sql, &[&role]).await;
            row.map(|r| r.get::<_, bool>(0)).map_err(failed("look for the roles of quotas"))
        };
        if !is_there(&group).await? {
            return Ok(None);
        }
        let password = random_password()?;
        let password = password.expose_secret();
        let (login, group) = (ident(CONTROL_LOGIN)?.quoted(), ident(&group)?.quoted());
        let verb = if is_there(CONTROL_LOGIN).await? { "ALTER" } else { "CREATE" };
        let sql = format!("{verb} ROLE {login} LOGIN PASSWORD {}; GRANT {group} TO {login}", literal(password));
        client.batch_execute(&sql).await.map_err(failed("make the control plane's login"))?;
        client.close().await;
        Ok(Some(self.target.with_login(CONTROL_LOGIN, password)))
    }

    /// For psql: the first runtime login, without its password.
    pub(super) fn runtime_conninfo(&self) -> String {
        let user = Credentials::read(&self.credentials()).ok().and_then(|c| c.logins.first().map(|l| l.user.clone()));
        let (host, port) = (self.target.host(), self.target.port());
        format!("host={host} port={port} dbname={DATABASE} user={}", user.unwrap_or_default())
    }

    /// Writes the runtime logins where libpq looks for passwords, readable by the owner alone.
    pub(super) fn write_pgpass(&self) -> Result<(), Failure> {
        let credentials = Credentials::read(&self.credentials())?;
        let escape = |s: &str| s.replace('\\', "\\\\").replace(':', "\\:");
        let line = |user: &str, password: &str| format!("*:*:{DATABASE}:{}:{}\n", escape(user), escape(password));
        let text: String = credentials.logins.iter().map(|l| line(&l.user, &l.password)).collect();
        files::write(&self.folder.join("pgpass"), &text, Readers::Owner)
    }
}

/// The target as one text, password included, for a file that its owner alone may read.
fn conninfo(target: &Target) -> String {
    let names = [
        ("PGHOST", "host"),
        ("PGPORT", "port"),
        ("PGUSER", "user"),
        ("PGDATABASE", "dbname"),
        ("PGPASSWORD", "password"),
        ("PGSSLMODE", "sslmode"),
        ("PGSSLROOTCERT", "sslrootcert"),
    ];
    let pair = |(name, value): &(&str, String)| {
        let key = names.iter().find(|(env, _)| env == name)?.1;
        Some(format!("{key}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'")))
    };
    target.libpq_env().iter().filter_map(pair).collect::<Vec<_>>().join(" ")
}

fn ident(name: &str) -> Result<Ident, Failure> {
    Ident::new(name).map_err(|e| Failure::bug(format!("use the name {}", literal(name))).because(e))
}

/// For `map_err`: names what a statement was for.
fn failed(what: &'static str) -> impl Fn(tokio_postgres::Error) -> Failure {
    move |e| {
        let class = class_of(&e);
        let failure = Failure::new(class, format!("cannot {what}: {}", in_plain_words(&e)));
        match class {
            Class::Denied => {
                failure.remedy("give the address of a superuser, or of a role with CREATEDB and CREATEROLE")
            }
            _ => failure,
        }
    }
}
