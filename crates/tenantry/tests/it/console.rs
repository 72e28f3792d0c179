//! The operator's console through the real psql.

use std::process::Command;

use crate::proxy::{Serving, key, served};
use crate::support::text;

const ADMIN: &str = "[proxy.logins.operator]\nadmin = true\npassword_file = \"backend.password\"\n";

/// Exit status, rows without alignment, and what psql says of errors.
fn psql(proxy: &Serving, user: &str, password: &str, database: &str, commands: &[&str]) -> (bool, String, String) {
    let mut command = Command::new("psql");
    command.args(["-X", "-qA", "-h", "127.0.0.1", "-p", &proxy.port.to_string(), "-U", user, "-d", database]);
    command.args(commands.iter().flat_map(|c| ["-c", c])).env("PGPASSWORD", password).env("PGCONNECT_TIMEOUT", "10");
    let output = command.output().unwrap();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn an_operator_sees_and_acts_and_nobody_else_does() {
    let case = served("console", ADMIN).await;
    let key_1 = key(&case, "w1");
    let proxy = Serving::start(&case);
    let client = proxy.connect("app.w1", &key_1).await.unwrap();
    client.query_one("SELECT 'who reads this' FROM projects LIMIT 1", &[]).await.unwrap();

    let ask = |command: &str| psql(&proxy, "operator", "backend secret", "tenantry", &[command]);
    let shown = |command: &str| {
        let (ok, out, err) = ask(command);
        assert!(ok, "{command}: {err}");
        assert!(!out.contains("who reads this") && !out.contains("SCRAM") && !out.contains("backend secret"), "{out}");
        out
    };
    let pools = shown("SHOW POOLS");
    assert!(pools.starts_with("database|user|cl_active|cl_waiting|sv_active|sv_idle|"), "{pools}");
    assert!(pools.contains("\nsmall|*|1|0|0|1|"), "{pools}");
    assert!(shown("show tenants;").contains("small|w1|"), "a tenant that was used is shown");
    let clients = shown("SHOW CLIENTS");
    assert!(clients.contains("\nC|app|small|active|127.0.0.1|") && clients.contains("|w1|idle|"), "{clients}");
    assert!(shown("SHOW SERVERS").contains("|small|idle|"));
    assert!(shown("SHOW STATS").starts_with("database|total_xact_count|total_query_count|total_received|total_sent|"));
    assert!(shown("SHOW DATABASES").contains("\nsmall|"));
    assert!(shown("SHOW LISTS").contains("\nused_clients|1"));
    assert!(shown("SHOW CONFIG").contains("\nworkers|1|no"));
    assert!(shown("SHOW VERSION").contains(&format!("tenantry {}", env!("CARGO_PKG_VERSION"))));

    let (ok, _, err) = ask("SELECT 1");
    assert!(
        !ok && err.contains("the console does not know this command") && err.contains("SHOW TENANTS|POOLS"),
        "{err}"
    );
    let (ok, _, err) = ask("KILL nobody");
    assert!(!ok && err.contains("there is no tenant"), "{err}");

    for (user, password) in [("backend", "backend secret"), ("app.w1", &*key_1), ("operator", "wrong"), ("app", "")] {
        let (ok, out, _) = psql(&proxy, user, password, "tenantry", &["SHOW VERSION"]);
        assert!(!ok && out.is_empty(), "{user} is no operator");
    }

    shown("PAUSE");
    assert!(shown("SHOW DATABASES").lines().nth(1).unwrap().ends_with("|1|1"));
    let waits = client.query_one("SELECT count(*) FROM projects", &[]);
    let resumed = async {
        // it waits as long as it is held back
        while !shown("SHOW CLIENTS").contains("|waiting|") {
            tokio::task::yield_now().await;
        }
        shown("RESUME");
    };
    let (row, ()) = tokio::join!(waits, resumed);
    assert_eq!(row.unwrap().get::<_, i64>(0), 4);

    shown("KILL w2");
    client.query_one("SELECT 1", &[]).await.unwrap();
    shown("KILL w1");
    assert!(client.query_one("SELECT 1", &[]).await.is_err(), "its clients were ended");

    let file = case.read("tenantry.toml");
    case.write("tenantry.toml", &file.replace("[proxy.logins.app]", "[proxy.logins.other]"));
    shown("RELOAD");
    while proxy.connect("app.w1", &key_1).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let log = proxy.stop();
    assert!(log.contains("login of \"operator\" from 127.0.0.1 refused"), "{log}");
}
