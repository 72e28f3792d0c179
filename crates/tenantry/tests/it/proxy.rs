//! The proxy as an operator meets it: tenants from the command line, `serve`, clients through it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};

use serde_json::Value;
use tenantry_pg::{Client, ConnectError, Session, Target, connect_with};

use crate::support::{Case, SMALL, case, text};

/// A proxy that runs. It is ended with the test.
pub(crate) struct Serving {
    child: Ended,
    pub(crate) port: u16,
    /// Where metrics are, if asked for.
    pub(crate) metrics: Option<String>,
    log: std::thread::JoinHandle<String>,
}

/// A process that is ended with the test, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // it may have ended itself
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Serving {
    /// Starts `tenantry serve` on a free port and waits until it says that it listens.
    pub(crate) fn start(case: &Case) -> Self {
        Self::start_with(case, &[])
    }

    pub(crate) fn start_with(case: &Case, environment: &[(&str, &str)]) -> Self {
        let prepared = case.tenantry(&["serve", "--config", "tenantry.toml", "-v"]);
        let mut command = std::process::Command::new(prepared.get_program());
        command.args(prepared.get_args()).current_dir(case.folder.path()).stderr(Stdio::piped());
        for (name, value) in prepared.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.envs(environment.iter().copied()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut port, mut metrics, mut said) = (None, None, String::new());
        while port.is_none() {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said}")).unwrap();
            if let Some(at) = line.strip_prefix("metrics are at http://").and_then(|l| l.strip_suffix("/metrics")) {
                metrics = Some(at.to_owned());
            }
            port = line.strip_prefix("proxy listens on 127.0.0.1:").map(|p| p.parse().unwrap());
            said += &format!("{line}\n");
        }
        let log = std::thread::spawn(move || lines.map_while(Result::ok).fold(said, |said, line| said + &line + "\n"));
        Self { child: Ended(child), port: port.unwrap(), metrics, log }
    }

    pub(crate) fn target(&self, user: &str, password: &str, database: &str) -> Target {
        Target::new("127.0.0.1", self.port, user, Some(password), database)
    }

    pub(crate) async fn connect(&self, user: &str, password: &str) -> Result<Client, ConnectError> {
        connect_with(&self.target(user, password, "small"), &Session::plain()).await
    }

    fn signal(&self, name: &str) {
        let pid = self.child.0.id().to_string();
        let done = std::process::Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(done.success());
    }

    /// Asks it to stop; its log.
    pub(crate) fn stop(self) -> String {
        self.signal("TERM");
        self.wait()
    }

    /// Waits until it has stopped; its log.
    fn wait(mut self) -> String {
        assert!(self.child.0.wait().unwrap().success());
        self.log.join().unwrap()
    }
}

/// An isolated small database with a tenants' file and a configuration for the proxy.
pub(crate) async fn served(hint: &str, more: &str) -> Case {
    let case = case(hint, SMALL).await;
    case.isolate();
    let registry = case.read("tenantry.toml");
    case.write("backend.password", "backend secret\n");
    case.write(
        "tenantry.toml",
        &format!(
            "{registry}
[proxy]
listen = [\"127.0.0.1:0\"]
{more}
[proxy.databases.small]
credentials = \"iso/credentials.json\"
directory = \"tenants.json\"
[proxy.logins.app]
[proxy.logins.backend]
password_file = \"backend.password\"
"
        ),
    );
    case.run(0, &["tenants", "import", "--slug", "name"]);
    case
}

/// A key of a tenant.
pub(crate) fn key(case: &Case, tenant: &str) -> String {
    text(&case.run(0, &["tenants", "key", tenant]).stdout).trim().to_owned()
}

async fn count(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM projects", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn tenants_come_from_the_table_and_each_sees_its_own_rows() {
    let case = served("served", "").await;
    let list = case.json(0, &["tenants", "list"]);
    assert_eq!(list["tenants"].as_array().unwrap().len(), 3);
    let again = case.json(0, &["tenants", "import", "--slug", "name"]);
    assert_eq!((&again["added"], &again["known"], &again["gone"]), (&0.into(), &3.into(), &0.into()));

    let (first, second, other) = (key(&case, "w1"), key(&case, "w1"), key(&case, "w2"));
    assert!(first.starts_with("tnt_live_") && first != second);
    let file = case.read("tenants.json");
    let secret = first.rsplit('_').next().unwrap();
    assert!(!file.contains(secret), "the file keeps no key");
    case.db
        .execute("INSERT INTO projects SELECT gen_random_uuid(), id, 'more' FROM workspaces WHERE name = 'w2'")
        .await;

    let proxy = Serving::start(&case);
    for (user, key, rows) in [("app.w1", &first, 4), ("app.w1", &second, 4), ("app.w2", &other, 5)] {
        let client = proxy.connect(user, key).await.unwrap_or_else(|e| panic!("{user}: {e}"));
        assert_eq!(count(&client).await, rows, "{user}");
    }
    for (user, key) in [("app.w2", &first), ("app.w3", &first), ("app.none", &first), ("app", &first)] {
        assert!(proxy.connect(user, key).await.is_err(), "{user} with another's key");
    }
    let mut backend = proxy.connect("backend", "backend secret").await.unwrap();
    assert!(backend.query("SELECT FROM projects", &[]).await.is_err(), "no tenant, no rows");
    let transaction = backend.transaction().await.unwrap();
    transaction.query("SELECT set_config('app.tenant_id', $1, true)", &[&"w2"]).await.unwrap();
    assert_eq!(transaction.query_one("SELECT count(*) FROM projects", &[]).await.unwrap().get::<_, i64>(0), 5);
    transaction.commit().await.unwrap();
    let log = proxy.stop();
    for secret in [&first, &second, &other] {
        assert!(!log.contains(secret.rsplit('_').next().unwrap()), "no secret is logged");
    }
}

#[tokio::test]
async fn verify_attacks_the_running_proxy_from_outside() {
    let case = served("attacked", "workers = 1").await;
    // two tenants that share one connection, or most attacks would be about nothing
    let settings = case.read("tenantry.toml");
    case.write("tenantry.toml", &settings.replace("directory =", "connections = 1\ndirectory ="));
    let keys = [key(&case, "w1"), key(&case, "w2")];
    let logins = format!(
        "database = \"small\"\n[a]\nuser = \"app.w1\"\npassword = \"{}\"\n[b]\nuser = \"app.w2\"\npassword = \"{}\"\n",
        keys[0], keys[1]
    );
    case.write("two.toml", &logins);
    let proxy = Serving::start(&case);
    let at = format!("127.0.0.1:{}", proxy.port);
    let report = case.json(0, &["verify", "--proxy", &at, "--proxy-logins", "two.toml"]);
    let checks = report["checks"].as_array().unwrap();
    let passed = checks.iter().filter(|check| check["status"] == "pass").count();
    assert_eq!((report["failed"].as_u64(), passed), (Some(0), checks.len()), "{report:#}");
    assert!(passed >= 10 && checks.iter().all(|check| check["layer"] == "proxy"), "{report:#}");

    // what is wrong with the arguments is said, and no password with it
    let refused = case.run(2, &["verify", "--proxy", "nowhere", "--proxy-logins", "two.toml"]);
    assert!(text(&refused.stderr).contains("HOST:PORT"), "{}", text(&refused.stderr));
    case.write("broken.toml", &logins.replace("[b]", "[c]"));
    case.write("tls.toml", &format!("sslmode = \"require\"\n{logins}"));
    let refused = text(&case.run(2, &["verify", "--proxy", &at, "--proxy-logins", "tls.toml"]).stderr);
    assert!(refused.contains("speaks no TLS"), "{refused}");
    case.write("swapped.toml", &logins.replace("app.w2", "app.w1"));
    for file in ["broken.toml", "swapped.toml", "missing.toml"] {
        let refused = text(&case.run(2, &["verify", "--proxy", &at, "--proxy-logins", file]).stderr);
        assert!(keys.iter().all(|key| !refused.contains(key)), "{file}: {refused}");
    }
    proxy.stop();
}

#[tokio::test]
async fn a_suspension_and_a_key_taken_back_hold_at_once() {
    let case = served("suspended", "").await;
    let key_1 = key(&case, "w1");
    let proxy = Serving::start(&case);
    let client = proxy.connect("app.w1", &key_1).await.unwrap();
    assert_eq!(count(&client).await, 4);
    case.run(0, &["tenants", "suspend", "w1"]);
    // the file is looked at every now and then, so this ends when it was
    let end = loop {
        match client.query_one("SELECT count(*) FROM projects", &[]).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(end.is_closed() || end.code().is_some_and(|c| c.code() == "57P05"), "{end}");
    assert!(proxy.connect("app.w1", &key_1).await.is_err());
    case.run(0, &["tenants", "resume", "w1"]);
    while proxy.connect("app.w1", &key_1).await.is_err() {
        tokio::task::yield_now().await;
    }
    let list = case.json(0, &["tenants", "list"]);
    let of = |list: &Value| list["tenants"].as_array().unwrap().iter().find(|t| t["slug"] == "w1").unwrap().clone();
    let id = of(&list)["keys"][0]["id"].as_str().unwrap().to_owned();
    case.run(0, &["tenants", "key", "w1", "--revoke", &id]);
    while proxy.connect("app.w1", &key_1).await.is_ok() {
        tokio::task::yield_now().await;
    }
    proxy.stop();
}

/// Status line and body of an answer.
fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn machines_ask_for_health_readiness_and_metrics() {
    let case = served("metrics", "metrics = \"127.0.0.1:0\"\ndrain_within_ms = 60000").await;
    let (one, socket) = (key(&case, "w1"), case.folder.path().join("notify"));
    let manager = UnixDatagram::bind(&socket).unwrap();
    let proxy = Serving::start_with(&case, &[("NOTIFY_SOCKET", socket.to_str().unwrap())]);
    let at = proxy.metrics.clone().unwrap();
    let told = || {
        let mut told = [0; 32];
        let count = manager.recv(&mut told).unwrap();
        text(&told[..count])
    };
    assert_eq!(told(), "READY=1");
    assert_eq!(get(&at, "/health"), ("HTTP/1.1 200 OK".into(), "ok\n".into()));
    let mut client = proxy.connect("app.w1", &one).await.unwrap();
    assert_eq!(count(&client).await, 4);
    assert_eq!(get(&at, "/ready").1, "ready\n");
    let (status, metrics) = get(&at, "/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(metrics.contains("\ntenantry_proxy_clients{database=\"small\"} 1\n"), "{metrics}");
    assert!(metrics.contains("\ntenantry_tenant_transactions_total{database=\"small\",tenant=\""), "{metrics}");
    assert!(get(&at, "/other").0.contains("404"));
    let transaction = client.transaction().await.unwrap();
    transaction.query("SELECT 1", &[]).await.unwrap();
    proxy.signal("TERM");
    assert_eq!(told(), "STOPPING=1");
    assert_eq!(get(&at, "/ready"), ("HTTP/1.1 503 Service Unavailable".into(), "stopping\n".into()));
    transaction.commit().await.unwrap();
    proxy.wait();
}

#[tokio::test]
async fn mistakes_with_tenants_are_named() {
    let case = served("mistakes", "").await;
    let said = |code: i32, arguments: &[&str]| text(&case.run(code, arguments).stderr);
    assert!(said(2, &["tenants", "key", "nobody"]).contains("lists no tenant `nobody`"));
    assert!(said(2, &["tenants", "key", "w1", "--expires-at", "tomorrow"]).contains("expiresAt"));
    assert!(said(2, &["tenants", "key", "w1", "--revoke", "x"]).contains("no key named `x`"));
    assert!(said(2, &["tenants", "list", "--file", "none.json"]).contains("docs/errors/directory-file.md"));
    assert!(said(2, &["tenants", "import", "--slug", "nope"]).contains("no column `nope`"));
    let before = case.read("tenants.json");
    for _ in 0..16 {
        key(&case, "w1");
    }
    assert!(said(2, &["tenants", "key", "w1"]).contains("16 keys already"));
    assert_ne!(before, case.read("tenants.json"));
    let schema = case.run(0, &["tenants", "schema"]);
    assert!(serde_json::from_slice::<Value>(&schema.stdout).unwrap()["properties"]["tenants"].is_object());
}
