//! TLS in each `sslmode`, against a server whose certificate is right, foreign, or for another host.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tenantry_embedded::Account;
use tenantry_pg::{ConnectError, SslMode, Target, connect};
use tenantry_testkit::postgres;

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, a server certificate of it for `localhost` only, and one that signed itself.
fn certificates(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority"));
    openssl(folder, &format!("req -x509 {key} -keyout other.key -out other.pem -subj /CN=other"));
    openssl(
        folder,
        &format!(
            "req -x509 {key} -keyout self.key -out self.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        ),
    );
    openssl(
        folder,
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
    );
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    openssl(
        folder,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
}

/// Makes the server offer this certificate, and waits until new connections see it.
async fn offer(folder: &Path, name: &str) {
    let admin = connect(postgres(15).target()).await.unwrap();
    let folder = folder.display();
    for (setting, value) in
        [("ssl_cert_file", format!("{folder}/{name}.pem")), ("ssl_key_file", format!("{folder}/{name}.key"))]
    {
        admin.batch_execute(&format!("ALTER SYSTEM SET {setting} = '{value}'")).await.unwrap();
    }
    admin.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let shown = async || -> String {
        let client = connect(postgres(15).target()).await.unwrap();
        client.query_one("SELECT current_setting('ssl') || current_setting('ssl_cert_file')", &[]).await.unwrap().get(0)
    };
    let wanted = format!("on{folder}/{name}.pem");
    let seen = tenantry_pg::retry(
        tenantry_pg::Backoff::default(),
        |_| true,
        |_| async { Some(shown().await).filter(|s| *s == wanted).ok_or(()) },
    );
    assert_eq!(seen.await, Ok(wanted.clone()), "the server does not take the certificate; see its log");
}

fn target(host: &str, mode: SslMode, root: Option<&PathBuf>) -> Target {
    let tcp = postgres(15).tcp_target();
    let password = tcp.libpq_env().into_iter().find(|(n, _)| *n == "PGPASSWORD").unwrap().1;
    Target::new(host, tcp.port(), tcp.user(), Some(&password), "postgres").with_ssl(mode, root.map(PathBuf::as_path))
}

async fn is_encrypted(target: &Target) -> bool {
    let client = connect(target).await.unwrap();
    client.query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await.unwrap().get(0)
}

/// Leaves a statement that would run for an hour; without a request to cancel the server would not notice for as long.
async fn leaves_nothing_running(target: &Target) {
    let (client, watcher) = (connect(target).await.unwrap(), connect(target).await.unwrap());
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%pg_sleep%'";
    let sleeps = async |wanted: i64| {
        while watcher.query_one(sql, &[&pid]).await.unwrap().get::<_, i64>(0) != wanted {}
    };
    tokio::select! {
        _ = client.batch_execute("SELECT pg_sleep(3600)") => panic!("an hour is not over"),
        () = sleeps(1) => {}
    }
    client.cancel_and_close().await;
    sleeps(0).await;
}

async fn reason(target: &Target) -> String {
    match connect(target).await {
        Err(ConnectError::Tls { reason, .. }) => reason,
        other => panic!("expected a failure of TLS, got {other:?}"),
    }
}

#[tokio::test]
async fn every_mode_checks_what_it_promises() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, account) = (folder.path(), Account::choose().unwrap());
    certificates(folder);
    account.give_all(folder).unwrap();
    let [ca, other, own] = ["ca.pem", "other.pem", "self.pem"].map(|f| folder.join(f));
    let [ca, other, own] = [Some(&ca), Some(&other), Some(&own)];

    offer(folder, "server").await;
    for mode in [SslMode::Prefer, SslMode::Require] {
        assert!(is_encrypted(&target("127.0.0.1", mode, None)).await, "{mode:?}");
    }
    assert!(!is_encrypted(&target("127.0.0.1", SslMode::Disable, None)).await);
    assert!(is_encrypted(&target("127.0.0.1", SslMode::VerifyCa, ca)).await, "the name is not looked at");
    assert!(is_encrypted(&target("localhost", SslMode::VerifyFull, ca)).await);
    leaves_nothing_running(&target("localhost", SslMode::VerifyFull, ca)).await;
    leaves_nothing_running(&target("127.0.0.1", SslMode::Disable, None)).await;
    assert!(reason(&target("127.0.0.1", SslMode::VerifyFull, ca)).await.contains("another host name"));
    for mode in [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
        assert!(reason(&target("localhost", mode, other)).await.contains("no trusted authority"), "{mode:?}");
    }
    let error = connect(&target("localhost", SslMode::VerifyFull, Some(&folder.join("none")))).await.unwrap_err();
    assert!(error.to_string().contains("none"), "{error}");

    offer(folder, "self").await;
    assert!(is_encrypted(&target("localhost", SslMode::VerifyFull, own)).await, "it is itself the authority");
    assert!(reason(&target("localhost", SslMode::VerifyCa, ca)).await.contains("no trusted authority"));
}
