//! A database of our own: made, used, dropped, also when the work in between failed.

use std::path::PathBuf;

use tenantry_blueprint::classify::classify;
use tenantry_blueprint::file::Blueprint;
use tenantry_blueprint::plan;
use tenantry_blueprint::registry::Registry;
use tenantry_model::{Ident, literal};
use tenantry_pg::{Client, Session, Target, connect_with};

use super::{Error, Observer, Options};
use crate::{apply, credentials::Credentials, inspect};

/// Written on the database, so that the next run may drop what a killed one left.
const MARK: &str = "scratch database of tenantry bench; the next run drops it";
const PREFIX: &str = "tenantry_bench_";

/// A scratch database.
pub struct Scratch {
    target: Target,
    admin: Target,
    name: Ident,
    folder: PathBuf,
    registry: Registry,
}

impl Scratch {
    /// Makes it on the server of `target`, after dropping what a killed run left.
    pub async fn create(target: &Target, options: &Options) -> Result<Self, Error> {
        let admin = open(target).await?;
        let may = "SELECT rolsuper, rolname::text FROM pg_catalog.pg_roles WHERE rolname = current_user";
        let row = admin.query_one(may, &[]).await.map_err(Error::sql("read the login's rights"))?;
        if !row.get::<_, bool>(0) {
            return Err(Error::NotSuperuser(row.get(1)));
        }
        sweep(&admin).await?;
        let name = format!("{PREFIX}{}", std::process::id());
        let name = Ident::composed("", &name, "");
        run(&admin, "make the scratch database", &format!("CREATE DATABASE {}", name.quoted())).await?;
        let mark = format!("COMMENT ON DATABASE {} IS {}", name.quoted(), literal(MARK));
        run(&admin, "mark the scratch database", &mark).await?;
        admin.close().await;
        let folder = options.folder.join(name.as_str());
        std::fs::create_dir_all(&folder).map_err(|source| Error::Folder { path: folder.clone(), source })?;
        Ok(Self {
            target: target.with_database(name.as_str()),
            admin: target.clone(),
            name,
            folder,
            registry: Registry::default(),
        })
    }

    /// Plans with this registry instead of an empty one.
    pub fn use_registry(&mut self, registry: Registry) {
        self.registry = registry;
    }

    /// The superuser in it.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Runs statements as superuser.
    pub async fn execute(&self, doing: &str, sql: &str) -> Result<(), Error> {
        let client = open(&self.target).await?;
        let done = run(&client, doing, sql).await;
        client.close().await;
        done
    }

    /// The blueprint for what is in it now.
    pub async fn blueprint(&self) -> Result<Blueprint, Error> {
        let client = open_as_tool(&self.target).await?;
        let catalog = inspect::read(&client).await?;
        let classification = classify(&catalog, &self.registry);
        let blueprint = plan::plan(&catalog, &classification, &self.registry, &plan::Options::default());
        client.close().await;
        if let Some(finding) = blueprint.blocking().next() {
            return Err(Error::Blocked(format!("{}: {}", finding.object, finding.message)));
        }
        Ok(blueprint)
    }

    /// Options of apply for it.
    pub fn apply_options(&self, options: &Options) -> apply::Options {
        apply::Options {
            credentials: self.folder.join("credentials.json"),
            allow_old_server: options.allow_old_server,
            ..apply::Options::default()
        }
    }

    /// Isolates it as any database is: plan, apply, complete.
    pub async fn isolate(&self, options: &Options, observer: &dyn Observer) -> Result<Credentials, Error> {
        observer.now("isolating the scratch database");
        let blueprint = self.blueprint().await?;
        let options = self.apply_options(options);
        apply::apply(&self.target, &blueprint, &options, &apply::Silent).await?;
        apply::complete(&self.target, &options, &apply::Silent).await?;
        Ok(Credentials::read(&options.credentials)?)
    }

    /// Drops it, its roles and its files.
    pub async fn drop(self) -> Result<(), Error> {
        let admin = open(&self.admin).await?;
        drop_database(&admin, &self.name).await?;
        admin.close().await;
        // credentials of a database that is gone; a folder that cannot be removed holds nothing of use
        let _ = std::fs::remove_dir_all(&self.folder);
        Ok(())
    }
}

async fn open(target: &Target) -> Result<Client, Error> {
    connect_with(target, &Session::plain()).await.map_err(|source| Error::Connect { who: target.to_string(), source })
}

async fn open_as_tool(target: &Target) -> Result<Client, Error> {
    connect_with(target, &Session::tool()).await.map_err(|source| Error::Connect { who: target.to_string(), source })
}

async fn run(client: &Client, doing: &str, sql: &str) -> Result<(), Error> {
    client.batch_execute(sql).await.map_err(Error::sql(doing))
}

/// Drops marked databases that nobody is connected to.
async fn sweep(admin: &Client) -> Result<(), Error> {
    let left = "SELECT d.datname::text FROM pg_catalog.pg_database AS d
        WHERE starts_with(d.datname, $1) AND pg_catalog.shobj_description(d.oid, 'pg_database') = $2
          AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_activity AS a WHERE a.datid = d.oid)";
    let rows = admin.query(left, &[&PREFIX, &MARK]).await.map_err(Error::sql("look for left-overs"))?;
    for row in rows {
        if let Ok(name) = Ident::new(row.get::<_, String>(0)) {
            drop_database(admin, &name).await?;
        }
    }
    Ok(())
}

async fn drop_database(admin: &Client, name: &Ident) -> Result<(), Error> {
    let doing = "drop the scratch database";
    run(admin, doing, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", name.quoted())).await?;
    let like = format!("{name}_");
    let roles = "SELECT rolname::text FROM pg_catalog.pg_roles WHERE starts_with(rolname, $1)";
    for row in admin.query(roles, &[&like]).await.map_err(Error::sql("list its roles"))? {
        if let Ok(role) = Ident::new(row.get::<_, String>(0)) {
            run(admin, "drop its roles", &format!("DROP ROLE IF EXISTS {}", role.quoted())).await?;
        }
    }
    Ok(())
}
