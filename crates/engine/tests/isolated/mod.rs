//! The scene of the ablations, isolated by the real plan, apply and complete.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use tenantry_blueprint::classify::classify;
use tenantry_blueprint::file::Blueprint;
use tenantry_blueprint::plan;
use tenantry_blueprint::registry::Registry;
use tenantry_engine::apply::{self, Silent};
use tenantry_engine::credentials::Credentials;
use tenantry_engine::inspect;
use tenantry_engine::verify::{self, Logins, Quiet, Report, Request, Status};
use tenantry_testkit::{Database, ablation, postgres};

/// An isolated database with what belongs to it.
pub struct Isolated {
    pub db: Database,
    pub registry: Registry,
    pub blueprint: Blueprint,
    pub credentials: Credentials,
    _folder: tempfile::TempDir,
}

impl Isolated {
    /// Makes the scene on a server of this major version and isolates it.
    pub async fn new(major: u32, hint: &str) -> Self {
        let db = postgres(major).database(hint).await;
        db.execute(ablation::SCENE).await;
        let registry = Registry::parse(ablation::REGISTRY).unwrap();
        let client = db.connect().await;
        let catalog = inspect::read(&client).await.unwrap();
        client.close().await;
        let classification = classify(&catalog, &registry);
        let blueprint = plan::plan(&catalog, &classification, &registry, &plan::Options::default());
        let blocking: Vec<_> = blueprint.findings.iter().filter(|f| f.blocks && f.accepted.is_none()).collect();
        assert!(blocking.is_empty(), "{blocking:#?}");
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
        Self { db, registry, blueprint, credentials, _folder: folder }
    }

    /// An order to attack it with the credentials of apply.
    pub fn request(&self, only: &[&str]) -> Request {
        Request {
            logins: Logins::Credentials(self.credentials.clone()),
            registry: self.registry.clone(),
            only: only.iter().map(|s| (*s).to_owned()).collect(),
            ..Request::new(self.db.target())
        }
    }

    pub async fn verify(&self, only: &[&str]) -> Report {
        verify::run(&self.request(only), &Quiet).await.unwrap()
    }
}

/// Everything that did not pass, for messages of tests.
pub fn not_passed(report: &Report) -> String {
    let lines = report.checks.iter().filter(|c| c.status != Status::Pass);
    lines.map(|c| format!("{} {:?}: {}\n", c.id, c.status, c.evidence)).collect()
}
