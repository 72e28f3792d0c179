//! Through the proxy where nothing can be written: READ ONLY sessions and transactions, and a real hot standby.

use std::path::Path;
use std::process::Command;

use tenantry_embedded::Account;
use tenantry_embedded::supervisor::{Run, Server};
use tenantry_testkit::postgres;

use crate::proxy::{Serving, key, served};
use crate::support::{Case, text};

const COUNT: &str = "SELECT count(*) FROM projects";

/// Runs commands one by one in one session of psql; what each printed, errors among it.
fn psql(proxy: &Serving, user: &str, password: &str, options: &str, commands: &[&str]) -> Vec<String> {
    let mut command = Command::new("psql");
    let port = proxy.port;
    command.args(["-X", "-qAt", &format!("host=127.0.0.1 port={port} dbname=small user={user}")]);
    command.args(commands.iter().flat_map(|c| ["-c", c]));
    command.env("PGPASSWORD", password).env("PGOPTIONS", options).env("PGCONNECT_TIMEOUT", "20");
    // one stream, so that errors stand where they happened
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" 2>&1", "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    text(&shell.output().unwrap().stdout).lines().map(str::to_owned).collect()
}

/// One tenant more than the others has rows, and the proxy has one server connection for all.
async fn prepared(hint: &str) -> (Case, String, String) {
    let case = served(hint, "").await;
    case.db
        .execute("INSERT INTO projects SELECT gen_random_uuid(), id, 'more' FROM workspaces WHERE name = 'w2'")
        .await;
    let file = case.read("tenantry.toml");
    case.write("tenantry.toml", &file.replace("[proxy.databases.small]", "[proxy.databases.small]\nconnections = 1"));
    let (w1, w2) = (key(&case, "w1"), key(&case, "w2"));
    (case, w1, w2)
}

#[tokio::test]
async fn read_only_sessions_and_transactions_have_their_tenant() {
    let (case, w1, w2) = prepared("readonly").await;
    let proxy = Serving::start(&case);
    let on = "-c default_transaction_read_only=on";
    let write = "INSERT INTO labels SELECT gen_random_uuid(), id, 'x' FROM workspaces";
    for _ in 0..2 {
        let said = psql(&proxy, "app.w1", &w1, on, &[COUNT, write, COUNT]);
        assert!(said[0] == "4" && said[1].contains("read-only transaction") && said[2] == "4", "{said:?}");
        assert_eq!(psql(&proxy, "app.w2", &w2, "", &[COUNT, write, COUNT]), ["5", "5"]);
        let said = psql(&proxy, "app.w2", &w2, "", &["SET default_transaction_read_only = on", COUNT, write]);
        assert!(said[0] == "5" && said[1].contains("read-only transaction"), "{said:?}");
    }
    let name = |tenant: &str| format!("SELECT set_config('app.tenant_id', '{tenant}', true)");
    for (options, begin) in [
        ("", "BEGIN READ ONLY"),
        ("", "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"),
        (on, "BEGIN"),
        (on, "BEGIN ISOLATION LEVEL SERIALIZABLE"),
    ] {
        let commands = [begin, &name("w1"), COUNT, "COMMIT", begin, &name("w2"), COUNT, "ROLLBACK", COUNT];
        let said = psql(&proxy, "backend", "backend secret", options, &commands);
        assert!(said.len() >= 5 && said[..4] == ["w1", "4", "w2", "5"], "{begin}: {said:?}");
        assert!(said[4].contains("no tenant context"), "{begin}: {said:?}");
    }
    let log = proxy.stop();
    assert_eq!(log.matches(" made as ").count(), 1, "one connection did for all: {log}");
}

/// A standby of the test's server. It ends with the value.
fn standby(folder: &Path) -> (Server, u16) {
    let primary = postgres(15);
    let account = Account::choose().unwrap();
    let data = folder.join("data");
    let mut backup = Command::new(primary.binaries().folder.join("pg_basebackup"));
    let tcp = primary.tcp_target();
    backup.args([
        "-h",
        "127.0.0.1",
        "-p",
        &tcp.port().to_string(),
        "-U",
        tcp.user(),
        "-R",
        "-c",
        "fast",
        "-X",
        "stream",
        "-D",
    ]);
    let password = tcp.libpq_env().into_iter().find(|(name, _)| *name == "PGPASSWORD").unwrap().1;
    let output = backup.arg(&data).env("PGPASSWORD", password).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    account.give_all(folder).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = [
        ("max_connections", "300"),
        ("max_wal_senders", "20"),
        ("max_replication_slots", "20"),
        ("max_prepared_transactions", "20"),
        ("fsync", "off"),
        ("ssl", "off"),
        // nobody cancels what the test asks for
        ("max_standby_streaming_delay", "-1"),
    ];
    let log = folder.join("log");
    let run = Run {
        binaries: primary.binaries(),
        account,
        data: &data,
        log: &log,
        socket: None,
        port,
        settings: &settings,
        remove: Some(folder),
    };
    let server = Server::start(&run).unwrap_or_else(|e| panic!("{e}: {:?}", std::fs::read_to_string(&log)));
    (server, port)
}

#[tokio::test]
async fn a_hot_standby_keeps_tenants_apart_without_writing() {
    let (case, w1, w2) = prepared("standby").await;
    let folder = tempfile::Builder::new().prefix("tenantry-standby-").tempdir().unwrap().keep();
    let (server, port) = standby(&folder);
    let file = case.read("tenantry.toml");
    let section = format!("[proxy.databases.small]\nhost = \"127.0.0.1\"\nport = {port}");
    case.write("tenantry.toml", &file.replace("[proxy.databases.small]", &section));
    let proxy = Serving::start(&case);

    let recovery = "SELECT pg_is_in_recovery()";
    for _ in 0..2 {
        assert_eq!(psql(&proxy, "app.w1", &w1, "", &[recovery, COUNT, COUNT]), ["t", "4", "4"]);
        assert_eq!(psql(&proxy, "app.w2", &w2, "", &[COUNT]), ["5"]);
    }
    // whatever one leaves behind is not the other's
    let leave = [
        "SET application_name = 'left'",
        "PREPARE left AS SELECT 1",
        "SELECT pg_advisory_lock(4711)",
        "SELECT 1 / 0; SELECT count(*) FROM projects",
        "BEGIN; SELECT set_config('tenantry.context', '', false); ROLLBACK",
        "SELECT current_setting('tenantry.context') <> ''",
        COUNT,
    ];
    let said = psql(&proxy, "app.w1", &w1, "", &leave);
    assert!(said.ends_with(&["t".to_owned(), "4".to_owned()]), "{said:?}");
    let said = psql(
        &proxy,
        "app.w2",
        &w2,
        "",
        &[
            "SELECT current_setting('application_name')",
            "SELECT count(*) FROM pg_prepared_statements WHERE name = 'left'",
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
            "RESET ALL",
            COUNT,
            "SELECT count(*) FROM projects p JOIN workspaces w ON w.id = p.workspace_id WHERE w.name <> 'w2'",
        ],
    );
    assert_eq!(said, ["psql", "0", "0", "5", "0"], "{said:?}");
    let name = "SELECT set_config('app.tenant_id', 'w1', true)";
    let said = psql(&proxy, "backend", "backend secret", "", &["BEGIN", name, COUNT, "COMMIT", COUNT]);
    assert!(said[..2] == ["w1", "4"] && said[2].contains("no tenant context"), "{said:?}");
    let said = psql(&proxy, "backend", "backend secret", "", &["BEGIN READ ONLY", name, COUNT, "ROLLBACK", COUNT]);
    assert!(said[..2] == ["w1", "4"] && said[2].contains("no tenant context"), "{said:?}");

    // longer than a token is good for: renewed in a transaction, and after it
    let sleep = "SELECT pg_sleep(31)";
    let said = psql(&proxy, "app.w1", &w1, "", &["BEGIN", COUNT, sleep, COUNT, sleep, COUNT, "COMMIT", COUNT]);
    assert_eq!(said, ["4", "", "4", "", "4", "4"]);
    let log = proxy.stop();
    assert_eq!(log.matches(" made as ").count(), 1, "{log}");
    drop(server);
}
