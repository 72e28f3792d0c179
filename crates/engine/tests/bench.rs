//! The benchmarks measure what they say, leave nothing behind and change nothing. No time is asserted.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

use tenantry_engine::bench::{self, Error, Observer, Options, Scratch};
use tenantry_model::Class;

struct Quiet;

impl Observer for Quiet {
    fn now(&self, _: &str) {}
}

fn options(folder: &tempfile::TempDir) -> Options {
    Options { tenants: 20, rows: 2_000, rounds: 2, allow_old_server: true, folder: folder.path().to_owned() }
}

const LEFT: &str = "SELECT (SELECT count(*) FROM pg_database WHERE datname LIKE 'tenantry\\_bench\\_%')
    + (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'tenantry\\_bench\\_%')";

/// One test, because scratch databases carry the number of the process.
#[tokio::test]
async fn scratch_databases_are_measured_and_gone() {
    let server = tenantry_testkit::postgres(15);
    let db = server.database("bench").await;
    let folder = tempfile::tempdir().unwrap();
    let admin = db.connect().await;

    let report = bench::scratch(server.target(), &options(&folder), &Quiet).await.unwrap();
    assert_eq!(report.series.len(), 3 * 7, "three tenants, seven queries");
    for series in &report.series {
        let variants: Vec<&str> = series.cells.iter().map(|c| c.variant.as_str()).collect();
        assert_eq!(variants, ["by hand", "isolated", "isolated + WHERE", "tenant index", "pk only"]);
        assert!(series.cells.iter().all(|c| c.value > 0.0), "{series:?}");
        assert_eq!(series.cells[0].ratio, 1.0);
    }
    assert!(report.human().contains("count by status") && report.json()["series"].as_array().unwrap().len() == 21);
    assert_eq!(admin.query_one(LEFT, &[]).await.unwrap().get::<_, i64>(0), 0);

    let report = bench::context(server.target(), &options(&folder), &Quiet).await.unwrap();
    assert_eq!(report.series.len(), 6);
    assert_eq!(admin.query_one(LEFT, &[]).await.unwrap().get::<_, i64>(0), 0);

    // an isolated database as it is: read, not changed
    let scratch = Scratch::create(server.target(), &options(&folder)).await.unwrap();
    let tables = "CREATE TABLE workspaces (id uuid PRIMARY KEY, name text NOT NULL);
        INSERT INTO workspaces SELECT md5(n::text)::uuid, n::text FROM generate_series(1, 20) AS n;
        CREATE TABLE segments (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), workspace_id uuid NOT NULL REFERENCES workspaces, name text, updated_at timestamptz DEFAULT now());
        CREATE TABLE journeys (LIKE segments INCLUDING ALL, FOREIGN KEY (workspace_id) REFERENCES workspaces);
        CREATE TABLE broadcasts (LIKE segments INCLUDING ALL, FOREIGN KEY (workspace_id) REFERENCES workspaces);
        INSERT INTO segments (workspace_id, name) SELECT md5((1 + n % 20)::text)::uuid, 'x' FROM generate_series(1, 500) AS n; ANALYZE";
    scratch.execute("fill", tables).await.unwrap();
    let credentials = scratch.isolate(&options(&folder), &Quiet).await.unwrap();
    let client = tenantry_pg::connect(scratch.target()).await.unwrap();
    let state = "SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM public.segments AS s";
    let before: String = client.query_one(state, &[]).await.unwrap().get(0);
    let report = bench::existing(scratch.target(), &credentials, 2, &Quiet).await.unwrap();
    assert!(report.series.iter().any(|s| s.query == "segments list"), "{}", report.human());
    assert!(report.series.iter().all(|s| s.cells.len() == 3));
    assert_eq!(client.query_one(state, &[]).await.unwrap().get::<_, String>(0), before);
    client.close().await;
    scratch.drop().await.unwrap();
    assert_eq!(admin.query_one(LEFT, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "credentials are removed too");

    // without the rights for it, the refusal names what is missing
    let login = db.login("plain", "CREATEDB").await;
    let error = bench::scratch(&login, &options(&folder), &Quiet).await.unwrap_err();
    assert!(matches!(&error, Error::NotSuperuser(_)) && error.class() == Class::Denied, "{error}");
    let error = bench::existing(&db.target(), &credentials, 2, &Quiet).await.unwrap_err();
    assert_ne!(error.class(), Class::Bug, "{error}");

    // what a killed run left is dropped by the next one, and nothing that merely looks like it
    for name in ["tenantry_bench_0", "tenantry_bench_mine"] {
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    }
    admin.batch_execute("CREATE ROLE tenantry_bench_0_rt").await.unwrap();
    let mark = "COMMENT ON DATABASE tenantry_bench_0 IS 'scratch database of tenantry bench; the next run drops it'";
    admin.batch_execute(mark).await.unwrap();
    Scratch::create(server.target(), &options(&folder)).await.unwrap().drop().await.unwrap();
    let rows = admin
        .query("SELECT datname::text FROM pg_database WHERE datname LIKE 'tenantry\\_bench\\_%'", &[])
        .await
        .unwrap();
    assert_eq!(rows.iter().map(|r| r.get::<_, String>(0)).collect::<Vec<_>>(), ["tenantry_bench_mine"]);
    admin.batch_execute("DROP DATABASE tenantry_bench_mine").await.unwrap();
    assert_eq!(admin.query_one(LEFT, &[]).await.unwrap().get::<_, i64>(0), 0);
}
