//! What a server is, and what a login may do there.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use tenantry_engine::inspect::{self, server};
use tenantry_testkit::{Database, available, postgres};

#[tokio::test]
async fn a_server_says_what_it_is() {
    for major in available() {
        let server = postgres(major);
        let db = server.database("facts").await;
        let facts = server::facts(&db.connect().await).await.unwrap();
        assert_eq!((facts.version, facts.superuser, facts.standby), (server.version(), true, false));
        assert_eq!(facts.database.as_str(), db.name());
        assert_eq!(facts.check_version(false).is_err(), server.version().is_below_floor());
        assert_eq!(facts.check_version(true), Ok(()));
        let login = db.login("plain", "").await;
        db.execute("REVOKE EXECUTE ON FUNCTION pg_catalog.pg_control_system() FROM PUBLIC").await;
        let theirs = server::facts(&tenantry_pg::connect(&login).await.unwrap()).await.unwrap();
        assert!(facts.system_identifier.is_some() && theirs.system_identifier.is_none() && !theirs.superuser);
        db.execute(&format!("ALTER ROLE {} SET default_transaction_read_only = on", login.user())).await;
        let theirs = server::facts(&tenantry_pg::connect(&login).await.unwrap()).await.unwrap();
        assert_eq!(theirs.check_writable(), Err(server::Unfit::ReadOnly));
    }
}

/// Every statement the preflight asks for is run, and then nothing is missing.
#[tokio::test]
async fn the_missing_grants_are_named_and_suffice() {
    for major in available() {
        missing_grants(&postgres(major).database("rights").await).await;
    }
}

async fn missing_grants(db: &Database) {
    let admin = db.login("admin", "").await;
    let owner = db.role("owner");
    db.execute(&format!(
        "CREATE ROLE {owner}; CREATE TABLE a (id int); CREATE TABLE b (id int);
         CREATE TABLE mine (id int); CREATE VIEW v AS SELECT * FROM a; CREATE SEQUENCE s; ALTER TABLE a OWNER TO {owner};
         ALTER TABLE b OWNER TO {owner}; ALTER TABLE b ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
         ALTER DATABASE {} OWNER TO {owner}",
        db.name()
    ))
    .await;
    let catalog = inspect::read(&db.connect().await).await.unwrap();
    assert!(
        server::missing_rights(&db.connect().await, &catalog).await.unwrap().is_empty(),
        "a superuser lacks nothing"
    );
    let client = tenantry_pg::connect(&admin).await.unwrap();
    let missing = server::missing_rights(&client, &catalog).await.unwrap();
    let text = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for part in [
        "CREATEROLE",
        "GRANT CREATE ON DATABASE",
        "BYPASSRLS",
        &format!("GRANT \"{owner}\" TO"),
        "ALTER TABLE \"public\".\"mine\" OWNER TO",
        "ALTER VIEW",
        "ALTER SEQUENCE",
    ] {
        assert!(text.contains(part), "{part} is not asked for:\n{text}");
    }
    for right in &missing {
        db.execute(&right.grant).await;
    }
    let client = tenantry_pg::connect(&admin).await.unwrap();
    let catalog = inspect::read(&client).await.unwrap();
    assert_eq!(server::missing_rights(&client, &catalog).await.unwrap(), []);
}
