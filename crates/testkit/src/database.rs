//! One database per test.

use std::sync::atomic::{AtomicU32, Ordering};

use tenantry_model::{Ident, literal};
use tenantry_pg::{Client, Session, Target, connect, connect_with, in_plain_words};

use crate::server::Server;

/// Prefix of the names of all test databases; a number and the hint follow.
pub(crate) const PREFIX: &str = "tk";

/// A database of a test. Dropping the value drops the database, and every role whose name begins with its name.
pub struct Database {
    name: Ident,
    server: &'static Server,
}

impl Database {
    pub(crate) async fn create(server: &'static Server, hint: &str, template: Option<&Database>) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = Ident::new(format!("{PREFIX}{number}_{hint}")).unwrap_or_else(|e| panic!("{hint}: {e}"));
        let template = template.map(|t| format!(" TEMPLATE {}", t.name.quoted())).unwrap_or_default();
        let client = open(server.target()).await;
        run(&client, &format!("CREATE DATABASE {}{template}", name.quoted())).await;
        client.close().await;
        Self { name, server }
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// A name for a role of this test: roles are shared by the whole server, and this one goes with the database.
    pub fn role(&self, name: &str) -> String {
        format!("{}_{name}", self.name)
    }

    /// The server it lives on.
    pub fn server(&self) -> &'static Server {
        self.server
    }

    /// The superuser in this database.
    pub fn target(&self) -> Target {
        self.server.target().with_database(self.name.as_str())
    }

    /// Connects as superuser, with the session of tenantry itself (`search_path = pg_catalog`).
    pub async fn connect(&self) -> Client {
        open(&self.target()).await
    }

    /// Connects as superuser, with the server's own settings, like an application.
    pub async fn connect_plain(&self) -> Client {
        connect_with(&self.target(), &Session::plain()).await.unwrap_or_else(|e| panic!("{e}"))
    }

    /// Runs statements as superuser with the server's own settings.
    pub async fn execute(&self, sql: &str) {
        let client = self.connect_plain().await;
        run(&client, sql).await;
        client.close().await;
    }

    /// Makes a role of this test that may log in, and the target that does so. `options` as in CREATE ROLE.
    pub async fn login(&self, name: &str, options: &str) -> Target {
        let (role, password) = (Ident::new(self.role(name)).unwrap_or_else(|e| panic!("{e}")), "test-only");
        self.execute(&format!("CREATE ROLE {} LOGIN PASSWORD {} {options}", role.quoted(), literal(password))).await;
        self.target().with_login(role.as_str(), password)
    }

    async fn drop_all(name: Ident, server: Target) {
        let Ok(client) = connect(&server).await else { return };
        let _ = client.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", name.quoted())).await;
        let like = format!("{}_", name.as_str());
        let roles = client.query("SELECT rolname::text FROM pg_roles WHERE starts_with(rolname, $1)", &[&like]).await;
        for row in roles.unwrap_or_default() {
            let Ok(role) = Ident::new(row.get::<_, String>(0)) else { continue };
            let _ = client.batch_execute(&format!("DROP OWNED BY {0}; DROP ROLE {0}", role.quoted())).await;
        }
        client.close().await;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (name, server) = (self.name.clone(), self.server.target().clone());
        // a thread of its own, because the runtime of the test cannot be blocked on from here
        let worker = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|r| r.block_on(Self::drop_all(name, server)))
        });
        // what could not be dropped goes with the server
        let _ = worker.join();
    }
}

async fn open(target: &Target) -> Client {
    connect(target).await.unwrap_or_else(|e| panic!("{e}: {:?}", std::error::Error::source(&e)))
}

async fn run(client: &Client, sql: &str) {
    if let Err(error) = client.batch_execute(sql).await {
        let at = match error.as_db_error().and_then(|e| e.position()) {
            Some(tenantry_pg::tokio_postgres::error::ErrorPosition::Original(at)) => *at as usize,
            _ => 1,
        };
        let near: String = sql.chars().skip(at.saturating_sub(80)).take(240).collect();
        panic!("{} near: {near}", in_plain_words(&error));
    }
}
