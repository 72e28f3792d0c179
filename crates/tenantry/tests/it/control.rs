//! The control plane as an operator meets it: a tenant made over HTTP works through the proxy, and its suspension is
//! seen there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tenantry_pg::{Session, Target, connect_with};
use tenantry_testkit::postgres;

use crate::proxy::served;
use crate::support::{Case, conninfo, text, wanted};

/// Longest wait for what must be out within a second.
const TRIES_MAX: u32 = 200;

/// Both roles in one process, ended with the test.
pub(crate) struct Both {
    child: Child,
    pub(crate) api: String,
    proxy: u16,
    pub(crate) key: String,
}

impl Drop for Both {
    fn drop(&mut self) {
        // it may have ended itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Both {
    fn start(case: &Case, database: &str, key: &str) -> Self {
        let mut child = Self::spawn(case, database, "control,proxy", Stdio::null());
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut api, mut proxy, mut said) = (None, None, String::new());
        while proxy.is_none() {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said}")).unwrap();
            api = api.or(line.strip_prefix("control plane listens on http://").map(str::to_owned));
            proxy = line.strip_prefix("proxy listens on 127.0.0.1:").map(|p| p.parse().unwrap());
            said += &format!("{line}\n");
        }
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, api: api.unwrap(), proxy: proxy.unwrap(), key: key.to_owned() }
    }

    /// The control plane without a proxy, for the first time: it prints its operator's key.
    pub(crate) fn alone(case: &Case, database: &str) -> Self {
        let mut child = Self::spawn(case, database, "control", Stdio::piped());
        let mut key = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut key).unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let api = loop {
            let line = lines.next().expect("it listens").unwrap();
            if let Some(api) = line.strip_prefix("control plane listens on http://") {
                break api.to_owned();
            }
        };
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, api, proxy: 0, key: key.trim().to_owned() }
    }

    fn spawn(case: &Case, database: &str, roles: &str, stdout: Stdio) -> Child {
        let prepared = case.tenantry(&["serve", "--config", "tenantry.toml", "--roles", roles]);
        let mut command = Command::new(prepared.get_program());
        command.args(prepared.get_args()).current_dir(case.folder.path());
        command.env("TENANTRY_CONTROL_DATABASE_URL", database).stdout(stdout).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// As a service manager stops it.
    fn stop(mut self) {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success() && self.child.wait().unwrap().success());
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.api).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.api,
            self.key,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    async fn lets_in(&self, tenant: &str, key: &str) -> bool {
        let target = Target::new("127.0.0.1", self.proxy, &format!("app.{tenant}"), Some(key), "small");
        let Ok(client) = connect_with(&target, &Session::plain()).await else { return false };
        let counted = client.query_one("SELECT count(*) FROM projects", &[]).await;
        client.close().await;
        counted.is_ok_and(|row| row.get::<_, i64>(0) == 0)
    }

    async fn until(&self, tenant: &str, key: &str, wanted: bool) {
        for _ in 0..TRIES_MAX {
            if self.lets_in(tenant, key).await == wanted {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the proxy never let {tenant} in: {wanted}");
    }
}

#[tokio::test]
async fn a_tenant_made_over_http_works_through_the_proxy() {
    let case = served("both", "").await;
    let home = postgres(15).database("control").await;
    let database = conninfo(&home.target());
    let file = case.read("tenantry.toml");
    let section = "\n[control]\nlisten = \"127.0.0.1:0\"\ndirectory = \"tenants.json\"\n";
    case.write("tenantry.toml", &format!("{file}{section}"));
    // tenants that others have listed are not shut out; the key was given all the same
    let mut refused = case.tenantry(&["serve", "--config", "tenantry.toml", "--roles", "control,proxy"]);
    refused.env("TENANTRY_CONTROL_DATABASE_URL", &database);
    let refused = wanted(refused, 2);
    let said = text(&refused.stderr);
    assert!(said.contains("lists 3 tenants that the control plane does not know"), "{said}");
    let key = text(&refused.stdout).trim().to_owned();
    assert!(key.starts_with("tnt_live_"), "{key}");
    let looks = format!("[control.usage]\ndatabase_url = \"{}\"\n", conninfo(&case.db.target()));
    let file = format!("{file}{section}").replace("tenants.json", "published.json") + &looks;
    case.write("tenantry.toml", &file);
    let both = Both::start(&case, &database, &key);
    let (status, tenant) = both.call("POST", "/api/tenants", &json!({ "name": "Acme", "slug": "acme" }));
    assert_eq!(status, 201, "{tenant}");
    let place = format!("/api/tenants/{}", tenant["id"].as_str().unwrap());
    let (status, made) = both.call("POST", &format!("{place}/keys"), &json!({ "name": "app", "role": "Author" }));
    assert_eq!(status, 201, "{made}");
    let own = made["key"].as_str().unwrap();
    both.until("acme", own, true).await;
    assert_eq!(both.call("POST", &format!("{place}/suspend"), &json!({ "reason": "unpaid" })).0, 200);
    both.until("acme", own, false).await;
    assert_eq!(both.call("POST", &format!("{place}/resume"), &json!({})).0, 200);
    both.until("acme", own, true).await;
    // asked to stop, it reports what was used since the last time
    both.stop();
    let again = Both::start(&case, &database, &key);
    let (status, usage) = again.call("GET", &format!("{place}/usage"), &json!({}));
    assert_eq!(status, 200, "{usage}");
    assert!(usage["totals"]["statements"].as_u64().is_some_and(|n| n > 0), "{usage}");
    assert_eq!(usage["totals"]["requests"], Value::Null, "there was no gateway");
    assert!(usage["storage"]["sampledAt"].is_string() && usage["storage"]["rows"] == 0, "{usage}");
}

/// The control plane alone, on a database of its own, and its operator's key in a file.
fn alone(case: &Case) -> Both {
    case.write("tenantry.toml", "format = 1\n[control]\nlisten = \"127.0.0.1:0\"\n");
    Both::alone(case, &conninfo(&case.db.target()))
}

#[tokio::test]
async fn the_command_line_works_with_tenants_and_keys() {
    let case = crate::support::case("tenant", "").await;
    let control = alone(&case);
    let run = |arguments: &[&str], code| {
        let mut command = case.tenantry(arguments);
        command.env("TENANTRY_API", format!("http://{}", control.api)).env("TENANTRY_API_KEY", &control.key);
        wanted(command, code)
    };
    let out = |arguments: &[&str]| text(&run(arguments, 0).stdout);
    let no = |arguments: &[&str]| text(&run(arguments, 2).stderr);
    let shown = out(&[
        "tenant",
        "create",
        "acme",
        "--name",
        "Acme Ltd",
        "--plan",
        "pro",
        "--contact-email",
        "ops@acme.example",
    ]);
    assert!(
        shown.contains("Acme Ltd") && shown.contains("pro (active)") && shown.contains("ops@acme.example"),
        "{shown}"
    );
    out(&["tenant", "create", "acme-shop", "--parent", "acme"]);
    let said = no(&["tenant", "create", "acme"]);
    assert!(said.contains("SLUG_TAKEN") && said.contains("docs/errors/slug-taken.md"), "{said}");
    let said = no(&["tenant", "create", "Ac me"]);
    assert!(said.contains("slug") && said.contains("docs/errors/invalid-request.md"), "{said}");
    let said = no(&["tenant", "create", "own", "--isolation", "database"]);
    assert!(said.contains("docs/errors/strategy-unavailable.md"), "{said}");

    let list = out(&["tenant", "list", "--parent", "acme"]);
    assert!(list.contains("acme-shop") && list.contains("1 tenants") && !list.contains("Acme Ltd"), "{list}");
    assert!(out(&["tenant", "list", "--limit", "1"]).contains("and more"));
    let all: Value = serde_json::from_str(&out(&["tenant", "list", "--all", "--format", "json"])).unwrap();
    assert_eq!(all["tenants"].as_array().unwrap().len(), 2, "{all}");
    assert_eq!(all["more"], false);

    assert!(no(&["tenant", "update", "acme"]).contains("nothing to change"));
    assert!(out(&["tenant", "update", "acme", "--slug", "acme-uk", "--plan", "free"]).contains("free (active)"));
    assert!(no(&["tenant", "show", "acme"]).contains("there is no tenant `acme`"));
    assert!(out(&["tenant", "suspend", "acme-uk", "--reason", "unpaid"]).contains("unpaid"));
    assert!(no(&["tenant", "suspend", "acme-uk"]).contains("docs/errors/state-conflict.md"));
    out(&["tenant", "resume", "acme-uk"]);
    let log = out(&["audit", "list", "acme-uk", "--action", "TENANT_SUSPENDED"]);
    assert!(log.contains("TENANT_SUSPENDED") && log.contains("1 entries"), "{log}");
    assert!(out(&["audit", "list", "acme-uk", "--severity", "critical"]).contains("0 entries"));
    assert!(no(&["tenant", "delete", "acme-shop"]).contains("--yes"));
    assert!(out(&["tenant", "delete", "acme-shop", "--yes"]).contains("erased from"));
    assert!(out(&["tenant", "list", "--status", "deleted"]).contains("acme-shop"));
    let id = out(&["tenant", "list", "--status", "deleted", "--format", "json"]);
    let id: Value = serde_json::from_str(&id).unwrap();
    assert!(out(&["tenant", "restore", id["tenants"][0]["id"].as_str().unwrap()]).contains("active"));

    let made = run(&["key", "create", "acme-uk", "--name", "backend", "--role", "viewer"], 0);
    let key = text(&made.stdout).trim().to_owned();
    assert!(key.starts_with("tnt_live_") && key.lines().count() == 1, "{key}");
    assert!(!text(&made.stderr).contains(&key), "the key is printed once");
    let name = key.split('_').nth(2).unwrap();
    let keys = out(&["key", "list", "acme-uk"]);
    assert!(
        keys.contains(name) && keys.contains("Viewer") && keys.contains("counts") && !keys.contains(&key),
        "{keys}"
    );
    let newer = out(&["key", "rotate", "acme-uk", name, "--overlap", "0"]);
    assert_ne!(newer.trim(), key);
    out(&["key", "revoke", "acme-uk", newer.split('_').nth(2).unwrap()]);
    assert!(out(&["key", "list", "acme-uk"]).contains("taken back"));
    assert!(no(&["key", "revoke", "acme-uk", "nosuchkey"]).contains("docs/errors/not-found.md"));
}

#[tokio::test]
async fn the_command_line_says_why_the_api_cannot_be_asked() {
    let case = crate::support::case("tenant-bad", "").await;
    let no = |arguments: &[&str], api: &str, key: Option<&str>| {
        let mut command = case.tenantry(arguments);
        command.env("TENANTRY_API", api);
        key.map(|key| command.env("TENANTRY_API_KEY", key));
        text(&wanted(command, 2).stderr)
    };
    assert!(no(&["tenant", "list"], "http://127.0.0.1:9", None).contains("no API key is given"));
    let said = no(&["tenant", "list"], "http://127.0.0.1:9", Some("k"));
    assert!(said.contains("cannot reach the control plane") && said.contains("--roles control"), "{said}");
    for api in ["127.0.0.1:9", "ftp://127.0.0.1", "http://127.0.0.1/api", ""] {
        assert!(no(&["tenant", "list"], api, Some("k")).contains("no address of the API"), "{api}");
    }
    assert!(no(&["tenant", "list"], "http://127.0.0.1:9", Some("two\nlines")).contains("what no key holds"));
    let missing = ["tenant", "list", "--api-key-file", "absent"];
    assert!(no(&missing, "http://127.0.0.1:9", None).contains("cannot read the API key in absent"));

    let control = alone(&case);
    let said = no(&["tenant", "list"], &format!("http://{}", control.api), Some("tnt_live_wrong"));
    assert!(said.contains("UNAUTHENTICATED") && said.contains("docs/errors/unauthenticated.md"), "{said}");
    assert!(!said.contains("tnt_live_wrong"), "{said}");
    // who may not ask is told that, not that there is no such tenant
    let said = no(&["tenant", "show", "acme"], &format!("http://{}", control.api), Some("tnt_live_wrong"));
    assert!(said.contains("UNAUTHENTICATED") && !said.contains("no tenant"), "{said}");
    assert!(no(&["key", "list", "acme"], "http://127.0.0.1:9", Some("k")).contains("cannot reach"));
    let said = no(&["tenant", "show", "-"], &format!("http://{}", control.api), Some(&control.key));
    assert!(said.contains("there is no tenant `-`"), "{said}");
}

#[tokio::test]
async fn the_command_line_gives_tenants_places_and_migrates_them() {
    let case = crate::support::case("fleet", "").await;
    let application = postgres(15).database("fleet_app").await;
    application.execute("CREATE SCHEMA template; CREATE TABLE template.note (id serial PRIMARY KEY, body text)").await;
    let section = format!("[control.databases.main]\nurl = '''{}'''\n", conninfo(&application.target()));
    case.write("tenantry.toml", &format!("format = 1\n[control]\nlisten = \"127.0.0.1:0\"\n{section}"));
    let control = Both::alone(&case, &conninfo(&case.db.target()));
    let run = |arguments: &[&str], code| {
        let mut command = case.tenantry(arguments);
        command.env("TENANTRY_API", format!("http://{}", control.api)).env("TENANTRY_API_KEY", &control.key);
        wanted(command, code)
    };
    let out = |arguments: &[&str]| text(&run(arguments, 0).stdout);
    let no = |arguments: &[&str]| text(&run(arguments, 2).stderr);
    assert!(no(&["database", "add", "other", "--strategies", "schema"]).contains("templateSchema"));
    assert!(no(&["database", "add", "other", "--strategies", "shared"]).contains("[control.databases.other]"));
    let add = ["database", "add", "main", "--strategies", "shared,schema", "--template-schema", "template"];
    let shown = out(&add);
    assert!(shown.contains("shared,schema") && shown.contains("open") && !shown.contains("password"), "{shown}");
    out(&["database", "set", "main", "--capacity", "5"]);
    assert!(out(&["tenant", "create", "acme", "--isolation", "schema"]).contains("provisioning"));
    for n in 0..TRIES_MAX {
        if out(&["tenant", "show", "acme"]).contains("active") {
            break;
        }
        assert!(n + 1 < TRIES_MAX, "acme never got its place");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(out(&["fleet", "list"]).contains("1 of none"));
    case.write("stars.sql", "ALTER TABLE note ADD stars int");
    let done = out(&["fleet", "migrate", "--sql", "stars.sql", "--version", "v2"]);
    assert!(done.contains("v2") && done.contains("done"), "{done}");
    assert!(out(&["fleet", "list"]).contains("1 of v2"));
    std::fs::create_dir(case.folder.path().join("migrations")).unwrap();
    case.write("migrations/v3.sql", "CREATE TABLE badge (id int)");
    case.write("migrations/v4.sql", "ALTER TABLE nowhere ADD stars int");
    let failed = text(&run(&["fleet", "migrate", "--directory", "migrations"], 1).stdout);
    assert!(failed.contains("v4") && failed.contains("stopped") && failed.contains("nowhere"), "{failed}");
    out(&["fleet", "list", "--version", "v3"]);
    run(&["fleet", "status", "v4"], 1);
    assert!(out(&["fleet", "status"]).contains("stopped"));
    run(&["fleet", "abandon", "v4"], 1);
    case.write("migrations/v4.sql", "SELECT 1");
    assert!(no(&["fleet", "migrate", "--directory", "migrations"]).contains("docs/errors/duplicate.md"));
    assert!(no(&["fleet", "resume", "v4"]).contains("docs/errors/state-conflict.md"));
    assert!(no(&["database", "remove", "main"]).contains("tenants live there"));
    let json: Value = serde_json::from_str(&out(&["fleet", "list", "--format", "json"])).unwrap();
    assert_eq!(json["tenants"][0]["applicationVersion"], "v3");
}
