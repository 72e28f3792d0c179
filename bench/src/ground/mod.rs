//! The ground that peers compete on: one database, who may log in, and, where it is isolated, its tenants.

mod login;
mod notes;

use std::path::PathBuf;

use tenantry_blueprint::registry::Registry;
use tenantry_engine::bench::{Observer, Options, Scratch};
use tenantry_pg::{Client, Session, Target, connect_with};
use uuid::Uuid;

use crate::wire;

pub use login::DatabaseLogin;
pub use notes::{NOTES_PER_TENANT, Notes};

/// The role of the application in names like `engage.acme`.
pub(crate) const APPLICATION: &str = "engage";

/// One database on one server.
pub struct Ground {
    /// The server's host.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// Who may log in without tenantry, straight or through PgBouncer.
    pub logins: Vec<DatabaseLogin>,
    /// Tenants, if the database is isolated.
    pub tenants: Vec<Tenant>,
    /// Credentials that `apply` wrote, if it is isolated.
    pub credentials: Option<PathBuf>,
    scratch: Scratch,
}

/// A tenant that may log in through tenantry.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// 1, 2, …: the canary in its rows.
    pub number: u32,
    /// Its key.
    pub key: Uuid,
    /// Its name in a login.
    pub slug: String,
    /// Its API key.
    pub password: String,
}

impl Tenant {
    /// The tenant of a number.
    pub fn numbered(number: u32) -> Self {
        let key = Uuid::from_u128(number.into());
        Self { number, key, slug: format!("t{number}"), password: format!("bench-key-{number}") }
    }
}

impl Ground {
    /// A new database on the server of `target`, with logins of these names.
    pub async fn create(target: &Target, options: &Options, logins: &[&str]) -> anyhow::Result<Self> {
        let scratch = Scratch::create(target, options).await?;
        let place = scratch.target();
        let mut ground = Self {
            host: place.host(),
            port: place.port(),
            database: place.database().to_owned(),
            logins: Vec::new(),
            tenants: Vec::new(),
            credentials: None,
            scratch,
        };
        let admin = ground.admin().await?;
        for name in logins {
            let made = DatabaseLogin::create(&admin, &format!("{}_{name}", ground.database)).await?;
            ground.logins.push(made);
        }
        admin.close().await;
        Ok(ground)
    }

    /// The superuser in the database.
    pub fn target(&self) -> &Target {
        self.scratch.target()
    }

    /// Connects as superuser.
    pub async fn admin(&self) -> anyhow::Result<Client> {
        Ok(connect_with(self.target(), &Session::plain()).await?)
    }

    /// Runs statements as superuser.
    pub async fn execute(&self, doing: &str, sql: &str) -> anyhow::Result<()> {
        Ok(self.scratch.execute(doing, sql).await?)
    }

    /// Isolates it as any database is, with so many runtime logins: one for each connection that tenantry may have to
    /// the server. Tenants 1 to `tenants` may then log in through tenantry.
    pub async fn isolate(
        &mut self,
        options: &Options,
        tenants: u32,
        pool: u32,
        observer: &dyn Observer,
    ) -> anyhow::Result<()> {
        let mut registry = Registry::default();
        registry.roles.slots = u16::try_from(pool)?;
        self.scratch.use_registry(registry);
        self.scratch.isolate(options, observer).await?;
        self.credentials = Some(self.scratch.apply_options(options).credentials);
        self.tenants = (1..=tenants).map(Tenant::numbered).collect();
        Ok(())
    }

    /// How one of its own logins logs in, straight or through PgBouncer.
    pub fn login(&self, number: usize) -> wire::Login {
        let login = &self.logins[number % self.logins.len()];
        wire::Login::new(&login.user, &login.password, &self.database)
    }

    /// How a tenant logs in through tenantry.
    pub fn tenant_login(&self, tenant: &Tenant) -> wire::Login {
        wire::Login::new(&format!("{APPLICATION}.{}", tenant.slug), &tenant.password, &self.database)
    }

    /// Drops it with everything that was made for it.
    pub async fn drop(self) -> anyhow::Result<()> {
        Ok(self.scratch.drop().await?)
    }
}
