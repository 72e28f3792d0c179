//! The gateway as an operator meets it: a file, `serve --roles gateway`, requests, a suspension, SIGHUP, the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::support::{binary, text, wanted};

const TENANTS: &str = r#"{"format": 1, "keyKind": "integer", "tenants": [
  {"key": 1, "slug": "acme", "domains": ["shop.acme.com"]}, {"key": 2, "slug": "bolt"}]}"#;

/// A gateway that runs. It is ended with the test.
struct Serving {
    child: Child,
    at: String,
    metrics: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // it may have ended itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(folder: &Path) -> Serving {
    let prepared = binary(folder);
    let mut command = std::process::Command::new(prepared.get_program());
    for (name, value) in prepared.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.args(["serve", "--roles", "gateway", "--config", "tenantry.toml"]).current_dir(folder);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (mut at, mut metrics, mut said) = (None, None, String::new());
    while at.is_none() {
        let line = lines.next().unwrap_or_else(|| panic!("it ended: {said}")).unwrap();
        if let Some(m) = line.strip_prefix("metrics are at http://").and_then(|l| l.strip_suffix("/metrics")) {
            metrics = Some(m.to_owned());
        }
        at = line.strip_prefix("gateway listens on ").map(str::to_owned);
        said += &format!("{line}\n");
    }
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Serving { child, at: at.unwrap(), metrics: metrics.unwrap() }
}

impl Serving {
    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    fn get(&self, host: &str, path: &str) -> (u16, String) {
        get(&self.at, host, path)
    }

    /// Asks until the answer has this status.
    fn until(&self, host: &str, status: u16) {
        let begin = std::time::Instant::now();
        while self.get(host, "/x").0 != status {
            assert!(begin.elapsed() < Duration::from_secs(30), "{host} is never answered {status}");
            std::thread::yield_now();
        }
    }
}

fn get(at: &str, host: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let all = text(&all);
    (all[9..12].parse().unwrap(), all)
}

/// Answers each request with its head.
fn application() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut input = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while input.read_line(&mut head).unwrap_or(0) > 2 {}
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{head}", head.len());
            let _ = input.get_mut().write_all(answer.as_bytes());
        }
    });
    at
}

#[test]
fn a_gateway_from_its_file_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let config = |more: &str| {
        format!(
            "format = 1\n[gateway]\nlisten = [\"127.0.0.1:0\"]\nmetrics = \"127.0.0.1:0\"\ntenants = \"tenants.json\"\n\
             base_domains = [\"example.com\"]\n[gateway.context]\nkey_file = \"context.key\"\n\
             [gateway.upstreams.app]\nservers = [\"{}\"]\n{more}",
            application()
        )
    };
    write("tenants.json", TENANTS);
    write("tenantry.toml", &config(""));
    let serving = start(folder.path());
    for host in ["acme.example.com", "shop.acme.com"] {
        let (status, answer) = serving.get(host, "/x");
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains("X-Tenant-ID: 1\r\n") && answer.contains("X-Tenantry-Context: "), "{answer}");
    }
    assert!(serving.get("acme.example.com", "/.well-known/tenantry/jwks.json").1.contains("\"crv\":\"Ed25519\""));
    assert_eq!(get(&serving.metrics, "x", "/ready").0, 200);
    let metrics = get(&serving.metrics, "x", "/metrics").1;
    assert!(metrics.contains("tenantry_gateway_requests_total{status=\"2xx\"} 2\n"), "{metrics}");

    wanted(binary_with(folder.path(), &["tenants", "suspend", "acme", "--file", "tenants.json"]), 0);
    serving.until("acme.example.com", 403);
    assert_eq!(serving.get("bolt.example.com", "/x").0, 200);

    write("tenantry.toml", &config("[gateway.maintenance]\nall = true\n"));
    serving.signal("HUP");
    serving.until("bolt.example.com", 503);
    write("tenantry.toml", &config("[gateway.routes.a]\npath = \"/a\"\nupstream = \"nobody\"\n"));
    serving.signal("HUP");
    write("tenantry.toml", &config(""));
    serving.signal("HUP");
    serving.until("bolt.example.com", 200);

    // attacked from outside, by the same binary
    write("tenantry.toml", &config("[gateway.routes.all]\nauthentication = \"required\"\n"));
    serving.signal("HUP");
    serving.until("bolt.example.com", 401);
    wanted(binary_with(folder.path(), &["tenants", "resume", "acme", "--file", "tenants.json"]), 0);
    let key = |tenant| {
        let made = wanted(binary_with(folder.path(), &["tenants", "key", tenant, "--file", "tenants.json"]), 0);
        text(&made.stdout).trim().to_owned()
    };
    let sides = [("a", "acme"), ("b", "bolt")]
        .map(|(side, tenant)| format!("[{side}]\nhost = \"{tenant}.example.com\"\ncredential = \"{}\"\n", key(tenant)));
    write("two.toml", &format!("path = \"/x\"\n{}", sides.concat()));
    serving.until("acme.example.com", 401);
    let arguments = ["verify", "--gateway", &serving.at, "--gateway-tenants", "two.toml", "--format", "json"];
    let begin = std::time::Instant::now();
    let report = loop {
        // the keys count from when the file is looked at
        let output = binary_with(folder.path(), &arguments).output().unwrap();
        match output.status.code() {
            Some(0) => break crate::support::one_document(&output),
            code => assert!(code == Some(2) && begin.elapsed() < Duration::from_secs(30), "{}", text(&output.stdout)),
        }
    };
    assert_eq!(
        (&report["passed"], &report["failed"], &report["skipped"]),
        (&8.into(), &0.into(), &0.into()),
        "{report}"
    );

    serving.signal("TERM");
    let mut serving = serving;
    assert!(serving.child.wait().unwrap().success());
}

fn binary_with(folder: &Path, arguments: &[&str]) -> assert_cmd::Command {
    let mut command = binary(folder);
    command.args(arguments);
    command
}

#[test]
fn what_cannot_be_a_gateway_is_told_with_its_page() {
    let folder = tempfile::tempdir().unwrap();
    for (config, what) in [
        ("", "no application"),
        ("[gateway]\nlisten = 5\n", "[gateway] in"),
        ("[gateway.upstreams.a]\nservers = [\"nohost\"]\n", "not host:port"),
        ("[gateway.upstreams.a]\nservers = []\n", "no servers"),
        ("[gateway]\nbase_domains = [\"*.example.com\"]\n[gateway.upstreams.a]\nservers = [\"h:1\"]\n", "no host name"),
        ("[gateway.upstreams.a]\nservers = [\"h:1\"]\n[gateway.routes.r]\nupstream = \"b\"\n", "route `r`"),
        ("[gateway.upstreams.a]\nservers = [\"h:1\"]\n[gateway.routes.r]\npath = \"x\"\n", "route `r`"),
        ("[gateway.upstreams.a]\nservers = [\"h:1\"]\n[gateway.rates]\ntenant = { per_second = 0 }\n", "rate of 0"),
        ("[gateway.upstreams.a]\nservers = [\"h:1\"]\n[gateway.rates]\ncounted = \"redis\"\n", "there is none"),
        ("[gateway.upstreams.a]\nservers = [\"h:1\"]\n[gateway.rates]\ninstances = 0\n", "`instances`"),
        ("[gateway.upstreams.a]\nservers = [\"h:1\"]\n[gateway.traces]\nendpoint = \"x\"\n", "[gateway.traces]"),
        (
            "[gateway.upstreams.a]\nservers = [\"h:1\"]\n[gateway.traces]\nendpoint = \"http://h\"\nratio = 2.0\n",
            "`ratio`",
        ),
        (
            "[gateway.upstreams.a]\nservers = [\"h:1\"]\n[gateway.routes.r]\ncache = {}\ntenant = \"none\"\n",
            "keeps answers",
        ),
        (
            "[gateway.upstreams.a]\nservers = [\"h:1\"]\n[gateway.routes.r]\ncache = {}\n[gateway.cache]\nredis = true\n",
            "kept in Redis",
        ),
        (
            "[gateway.upstreams.a]\nservers = [\"h:1\"]\n[gateway.routes.r]\nauthentication = \"required\"\n",
            "route `r`",
        ),
        (
            "[gateway.upstreams.a]\nservers = [\"h:1\"]\n[gateway.issuers.i]\nissuer = \"i\"\naudiences = [\"a\"]\nalgorithms = [\"HS256\"]\njwks_file = \"k\"\n",
            "cannot read",
        ),
    ] {
        std::fs::write(folder.path().join("tenantry.toml"), format!("format = 1\n{config}")).unwrap();
        let output =
            wanted(binary_with(folder.path(), &["serve", "--roles", "gateway", "--config", "tenantry.toml"]), 2);
        let error = text(&output.stderr);
        assert!(error.contains(what) && error.contains("docs/errors/gateway-settings.md"), "{config}: {error}");
    }
}
