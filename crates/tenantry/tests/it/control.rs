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
struct Both {
    child: Child,
    api: String,
    proxy: u16,
    key: String,
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
        let prepared = case.tenantry(&["serve", "--config", "tenantry.toml", "--roles", "control,proxy"]);
        let mut command = Command::new(prepared.get_program());
        command.args(prepared.get_args()).current_dir(case.folder.path());
        command.env("TENANTRY_CONTROL_DATABASE_URL", database).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
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
    let file = format!("{file}{section}").replace("tenants.json", "published.json");
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
    drop(both);
    let again = Both::start(&case, &database, &key);
    assert_eq!(again.call("GET", &place, &json!({})).0, 200);
}
