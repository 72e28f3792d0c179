//! Every application of the corpus, filled with rows of 200 tenants: planned with only the decisions the tool asked
//! for, isolated, completed, and given back exactly.

#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write;
use std::path::PathBuf;

use support::{Log, options};
use tenantry_blueprint::file::Blueprint;
use tenantry_blueprint::registry::Registry;
use tenantry_blueprint::{classify, plan, survey};
use tenantry_engine::credentials::Credentials;
use tenantry_engine::{apply, inspect, verify};
use tenantry_testkit::{Database, corpus, dump, dump_roles, postgres};

const TENANTS: u32 = 200;
const ROWS: u64 = 20_000;

/// The decisions for an application, as they would stand in its `tenantry.toml`.
fn decisions(app: &str) -> Registry {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../testkit/fixtures/corpus/{app}.toml"));
    match std::fs::read_to_string(&file) {
        Ok(text) => Registry::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display())),
        Err(_) => Registry::default(),
    }
}

async fn planned(app: &str, db: &Database) -> (Blueprint, Vec<survey::Probe>) {
    let client = db.connect().await;
    let catalog = inspect::read(&client).await.unwrap();
    let registry = decisions(app);
    let classification = classify::classify(&catalog, &registry);
    let options =
        plan::Options { create_root: classification.root.table.is_none() && classification.root.column.is_none() };
    let blueprint = plan::plan(&catalog, &classification, &registry, &options);
    let again = plan::plan(&catalog, &classification, &registry, &options);
    assert_eq!(blueprint.to_json(), again.to_json(), "{app}: the same input gives the same bytes");
    assert_eq!(Blueprint::from_json(&blueprint.to_json()).unwrap(), blueprint, "{app}: a blueprint survives its file");
    (blueprint, survey::probes(&catalog, &classification, &registry))
}

async fn there_and_back(app: &str) {
    let db = postgres(15).database(app).await;
    corpus::load(app, &db).await;
    corpus::fill(app, &db, TENANTS, ROWS).await;
    db.execute("ANALYZE").await;
    let before = (dump(&db), dump_roles(&db));
    let (blueprint, probes) = planned(app, &db).await;
    let mut open = String::new();
    for f in blueprint.blocking() {
        writeln!(open, "{} {}: {} {}", f.id, f.object, f.message, f.remedy).unwrap();
    }
    let client = db.connect().await;
    for f in tenantry_engine::survey::run(&client, &probes).await.unwrap().iter().filter(|f| f.blocks) {
        writeln!(open, "{} {}: {}", f.id, f.object, f.message).unwrap();
    }
    client.close().await;
    assert!(open.is_empty(), "{app} has open questions:\n{open}");

    let (_folder, options) = options();
    let log = Log::default();
    let told = |e: apply::Error| panic!("{app}: {e}");
    apply::apply(&db.target(), &blueprint, &options, &log).await.unwrap_or_else(told);
    apply::complete(&db.target(), &options, &log).await.unwrap_or_else(told);
    let told_apart = attacked(&db, decisions(app), &options, &blueprint).await;
    assert!(told_apart.is_empty(), "{app} does not withstand:\n{told_apart}");
    let outcome = apply::rollback(&db.target(), &options, &log).await.unwrap_or_else(told);
    assert_eq!(outcome.skipped, Vec::<String>::new(), "{app}");
    same(app, &before.0, &dump(&db));
    same(app, &before.1, &dump_roles(&db));
}

/// Attacks it with the credentials of apply; what failed, or could not be tried on any table, in words.
async fn attacked(db: &Database, registry: Registry, options: &apply::Options, blueprint: &Blueprint) -> String {
    let credentials = Credentials::read(&options.credentials).unwrap();
    let request = verify::Request {
        logins: verify::Logins::Credentials(credentials),
        registry,
        ..verify::Request::new(db.target())
    };
    let report = verify::run(&request, &verify::Quiet).await.unwrap_or_else(|e| panic!("{e}"));
    eprintln!("{}", tenantry_engine::report::human(&report, false));
    if let Some(folder) = std::env::var_os("TENANTRY_REPORTS") {
        let file = PathBuf::from(folder).join(format!("{}.html", db.name()));
        std::fs::write(file, tenantry_engine::report::html(&report)).unwrap();
    }
    report
        .checks
        .iter()
        .filter(|c| match c.status {
            verify::Status::Fail => true,
            // A database that got its first tenant just now has no second one to steal from.
            verify::Status::Skipped => !blueprint.steps.iter().any(|s| s.kind == "create-root"),
            _ => false,
        })
        .map(|c| format!("{} {}: {}\n", c.id, c.status.as_str(), c.evidence))
        .collect()
}

/// Two dumps are equal; if not, the lines that only one of them has are shown.
fn same(app: &str, before: &str, after: &str) {
    let only = |a: &str, b: &str, sign: char| {
        let lines: Vec<&str> = b.lines().collect();
        a.lines().filter(|l| !lines.contains(l)).map(|l| format!("{sign}{l}\n")).collect::<String>()
    };
    assert!(before == after, "{app}: the dumps differ:\n{}{}", only(before, after, '-'), only(after, before, '+'));
}

macro_rules! apps {
    ($($app:ident),*) => {$(
        #[tokio::test]
        async fn $app() {
            if corpus::dir().is_none() {
                println!("skipped: the corpus is not here");
                return;
            }
            there_and_back(stringify!($app)).await;
        }
    )*};
}

apps!(chatwoot, dittofeed, divanco, formbricks, listmonk);
