//! The servers of tests themselves.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::process::{Command, Stdio};

use tenantry_testkit::{Database, available, corpus, dump, dump_roles, postgres};

#[tokio::test]
async fn a_database_comes_and_goes_with_its_roles() {
    let server = postgres(15);
    let db = server.database("come_and_go").await;
    db.execute("CREATE TABLE \"Odd.Name\" (id int PRIMARY KEY)").await;
    let login = db.login("app", "").await;
    let app = tenantry_pg::connect(&login).await.unwrap();
    assert_eq!(app.query_one("SELECT current_user::text", &[]).await.unwrap().get::<_, String>(0), db.role("app"));
    assert!(dump(&db).contains("\"Odd.Name\""));
    assert!(dump_roles(&db).contains(&db.role("app")));
    let (name, role) = (db.name().to_owned(), db.role("app"));
    drop(db);
    let client = tenantry_pg::connect(server.target()).await.unwrap();
    let sql = "SELECT count(*) FROM (SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles) x WHERE datname = ANY($1)";
    assert_eq!(client.query_one(sql, &[&vec![name, role]]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn dumps_are_the_same_twice_and_see_a_difference() {
    for major in available() {
        let db = postgres(major).database("dump").await;
        db.execute("CREATE TABLE t (id int)").await;
        let (schema, roles) = (dump(&db), dump_roles(&db));
        assert_eq!((dump(&db), dump_roles(&db)), (schema.clone(), roles.clone()));
        db.execute(&format!("COMMENT ON TABLE t IS 'x'; CREATE ROLE \"{}\"", db.role("extra"))).await;
        assert_ne!(dump(&db), schema);
        assert_ne!(dump_roles(&db), roles);
    }
}

#[tokio::test]
async fn corpus_applications_load_and_fill() {
    if corpus::dir().is_none() {
        eprintln!("the corpus is absent: nothing checked (TENANTRY_CORPUS)");
        return;
    }
    let db: Database = postgres(15).database("corpus").await;
    corpus::load("listmonk", &db).await;
    corpus::fill("listmonk", &db, 3, 300).await;
    let client = db.connect().await;
    let rows: i64 = client.query_one("SELECT count(*) FROM public.subscribers", &[]).await.unwrap().get(0);
    assert!(rows > 0);
}

/// This test runs itself as another process, in which a server starts and which is then killed.
#[tokio::test]
async fn a_server_dies_with_a_killed_process_and_its_folder_too() {
    if std::env::var_os("TENANTRY_TEST_HOLD").is_some() {
        let target = postgres(15).target();
        println!("\nserver in {}", target.host());
        std::io::Read::read(&mut std::io::stdin(), &mut [0]).unwrap();
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_server_dies_with_a_killed_process_and_its_folder_too", "--nocapture"])
        .env("TENANTRY_TEST_HOLD", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let folder = std::io::BufRead::lines(stdout)
        .find_map(|line| line.unwrap().strip_prefix("server in ").map(std::path::PathBuf::from))
        .unwrap();
    assert!(folder.join("data/postmaster.pid").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let begin = std::time::Instant::now();
    while folder.exists() {
        assert!(begin.elapsed().as_secs() < 60, "{} is still there", folder.display());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
