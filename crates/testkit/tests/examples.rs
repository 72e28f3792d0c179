//! The example applications: they load, their generators make consistent data, and the same data for the same seed.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeMap;
use std::fs;

use tenantry_pg::Client;
use tenantry_testkit::{Database, place, postgres};

const TENANTS: i32 = 12;
const ROWS: i64 = 4000;

fn text(file: &str) -> String {
    let path = place::workspace().join("examples").join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A database with the application's schema, and a session in it.
async fn loaded(app: &str) -> (Database, Client) {
    let db = postgres(15).database(app).await;
    db.execute(&text(&format!("{app}/schema.sql"))).await;
    let client = db.connect_plain().await;
    (db, client)
}

async fn generate(client: &Client, app: &str, tenants: i32, rows: i64, seed: i32) -> i64 {
    client.batch_execute(&text(&format!("{app}/generate.sql"))).await.unwrap();
    let sql = "SELECT pg_temp.demo_generate($1, $2, $3)";
    client.query_one(sql, &[&tenants, &rows, &seed]).await.unwrap().get(0)
}

/// Number of rows and a digest of every table.
async fn contents(client: &Client) -> BTreeMap<String, (i64, Option<String>)> {
    let names =
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'";
    let mut contents = BTreeMap::new();
    for row in client.query(names, &[]).await.unwrap() {
        let name: String = row.get(0);
        let sql = format!("SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {name} t");
        let row = client.query_one(&sql, &[]).await.unwrap();
        contents.insert(name, (row.get(0), row.get(1)));
    }
    contents
}

async fn consistent(client: &Client, root: &str) -> Result<(), String> {
    client.execute("SELECT set_config('demo.root', $1, false)", &[&root]).await.unwrap();
    let checked = client.batch_execute(&text("consistency.sql")).await;
    checked.map_err(|e| e.as_db_error().map_or_else(|| e.to_string(), |e| e.message().to_owned()))
}

/// Same seed, same rows; another seed, other rows; every table has some; every reference holds inside its tenant.
async fn check(app: &str, root: &str) {
    let (_one, first) = loaded(app).await;
    let made = generate(&first, app, TENANTS, ROWS, 1).await;
    assert!((ROWS / 2..ROWS * 2).contains(&made), "{made} rows");
    consistent(&first, root).await.unwrap();
    let rows = contents(&first).await;
    for (table, (count, _)) in &rows {
        assert!(*count > 0, "{table} is empty");
    }
    let (_two, second) = loaded(app).await;
    generate(&second, app, TENANTS, ROWS, 1).await;
    assert_eq!(contents(&second).await, rows);
    let (_three, third) = loaded(app).await;
    generate(&third, app, TENANTS, ROWS, 2).await;
    assert_ne!(contents(&third).await, rows);
}

#[tokio::test]
async fn engage() {
    check("engage", "workspaces").await;
}

#[tokio::test]
async fn projects() {
    check("projects", "").await;
}

#[tokio::test]
async fn rentals() {
    check("rentals", "\"Tenant\"").await;
}

#[tokio::test]
async fn a_table_owner_who_is_no_superuser_loads_and_fills() {
    let db = postgres(15).database("engage_owner").await;
    let login = db.login("admin", "CREATEROLE").await;
    db.execute(&format!(
        "ALTER DATABASE {0} OWNER TO {1}; ALTER SCHEMA public OWNER TO {1}",
        db.name(),
        db.role("admin")
    ))
    .await;
    let client = tenantry_pg::connect_with(&login, &tenantry_pg::Session::plain()).await.unwrap();
    client.batch_execute(&text("engage/schema.sql")).await.unwrap();
    generate(&client, "engage", 3, 300, 1).await;
    consistent(&client, "workspaces").await.unwrap();
}

#[tokio::test]
async fn the_check_sees_a_broken_reference_and_one_into_another_tenant() {
    let (_db, client) = loaded("engage").await;
    generate(&client, "engage", 4, 500, 1).await;
    let crossing = "UPDATE journeys SET workspace_id = (SELECT id FROM workspaces w WHERE w.id <> workspace_id LIMIT 1)
                    WHERE id = (SELECT id FROM journeys WHERE entry_segment_id IS NOT NULL LIMIT 1)";
    assert_eq!(client.execute(crossing, &[]).await.unwrap(), 1);
    assert!(consistent(&client, "workspaces").await.unwrap_err().contains("point to another"));
    let broken = "SET session_replication_role = replica; DELETE FROM segments";
    client.batch_execute(broken).await.unwrap();
    assert!(consistent(&client, "workspaces").await.unwrap_err().contains("without a parent"));
}

#[tokio::test]
async fn a_wrong_call_is_refused_with_its_reason() {
    for app in ["engage", "projects", "rentals"] {
        let (_db, client) = loaded(app).await;
        generate(&client, app, 1, 1, 1).await;
        let call = async |args: &str| {
            let sql = format!("SELECT pg_temp.demo_generate({args})");
            client.batch_execute(&sql).await.unwrap_err().as_db_error().unwrap().message().to_owned()
        };
        assert!(call("0, 10, 1").await.contains("at least one"), "{app}");
        assert!(call("5, 10, 1").await.contains("already"), "{app}");
    }
}
