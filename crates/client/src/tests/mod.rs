//! On a real database that plan, apply and complete isolated. They stand inside the crate because one of them takes
//! a protection away.

mod cancelled;
mod ends;
mod kinds;
mod limits;
mod many;
mod residue;
mod scoped;
mod turns;

use std::time::Duration;

use tenantry_blueprint::classify::classify;
use tenantry_blueprint::plan;
use tenantry_blueprint::registry::Registry;
use tenantry_engine::apply::{self, Silent};
use tenantry_engine::inspect;
use tenantry_testkit::{Database, ablation, postgres};

use crate::{Credentials, KeyKind, Options, TenantHandle, TenantKey, TenantPool};

/// Logins that apply makes.
const SLOTS: &str = "\n[roles]\nslots = 4\n";

/// An isolated database with the credentials that apply wrote.
struct World {
    db: Database,
    credentials: Credentials,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(major: u32, hint: &str) -> Self {
        let db = postgres(major).database(hint).await;
        db.execute(ablation::SCENE).await;
        let registry = Registry::parse(&format!("{}{SLOTS}", ablation::REGISTRY)).unwrap();
        let client = db.connect().await;
        let catalog = inspect::read(&client).await.unwrap();
        client.close().await;
        let classification = classify(&catalog, &registry);
        let blueprint = plan::plan(&catalog, &classification, &registry, &plan::Options::default());
        let folder = tempfile::tempdir().unwrap();
        let options = apply::Options {
            credentials: folder.path().join("credentials.json"),
            allow_old_server: true,
            lock_out_old_logins: true,
            ..apply::Options::default()
        };
        apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap();
        apply::complete(&db.target(), &options, &Silent).await.unwrap();
        let credentials = Credentials::read(&options.credentials).unwrap();
        assert_eq!(credentials.slots(), 4);
        Self { db, credentials, _folder: folder }
    }

    /// A pool of so many connections.
    async fn pool(&self, size: usize) -> TenantPool {
        self.pool_with(Options { slots: Some(0..size), ..patient() }).await
    }

    async fn pool_with(&self, options: Options) -> TenantPool {
        TenantPool::connect(self.credentials.clone(), options).await.unwrap()
    }

    /// What the superuser is answered, as text.
    async fn admin(&self, sql: &str) -> String {
        let client = self.db.connect_plain().await;
        let rows = client.query(sql, &[]).await.unwrap();
        let answer = rows.first().map(|row| row.get::<_, Option<String>>(0).unwrap_or_default()).unwrap_or_default();
        client.close().await;
        answer
    }
}

/// Bounds that a slow machine does not reach.
fn patient() -> Options {
    Options {
        wait: Duration::from_secs(60),
        connect_within: Duration::from_secs(60),
        roll_back_within: Duration::from_secs(60),
        ..Options::default()
    }
}

/// The workspaces 1 to 3 of the scene.
fn tenant(number: u32) -> TenantKey {
    let ids = [
        "a95dcb8a-ebb2-02ef-eedb-10d5538edeb9",
        "62d7d518-4b7a-313d-c642-55bdb8187847",
        "9de2f0ae-0967-02db-a1aa-88cf53b17c1f",
    ];
    let id = ids.get(number as usize).unwrap_or(&ids[0]);
    TenantKey::parse(KeyKind::Uuid, id).unwrap()
}

/// Whose rows one sees, as the names of workspaces.
async fn sees(tenant: &TenantHandle) -> Vec<String> {
    let rows = tenant.query("SELECT name FROM workspace ORDER BY name", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn text(tenant: &TenantHandle, sql: &str) -> String {
    tenant.query_one(sql, &[]).await.unwrap().get::<_, Option<String>>(0).unwrap_or_default()
}

/// The server process of the connection one gets.
async fn process(tenant: &TenantHandle) -> i32 {
    tenant.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0)
}
