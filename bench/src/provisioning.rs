//! `bench/run provisioning`: how long a tenant waits for its place, by strategy, and how long a page of a list of many
//! tenants takes. The control plane runs in this process: its routes are asked without a network in between.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tenantry_control::{Application, Control, Secret, Settings};
use tenantry_engine::bench::Observer;
use tenantry_pg::{Client, Target, connect};
use tower::ServiceExt;

use crate::table::{Cell, Row, Table, median};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Tenants of each strategy
    #[arg(long, default_value_t = 10)]
    pub rounds: usize,
    /// File of SQL that makes the application's schema; a schema of forty tables is made if left out
    #[arg(long, value_name = "FILE")]
    pub schema: Option<std::path::PathBuf>,
    /// Shared tenants in the list
    #[arg(long, default_value_t = 100_000)]
    pub listed: u32,
}

const CONTROL: &str = "tenantry_bench_control";
const APPLICATION: &str = "tenantry_bench_application";
const TEMPLATE: &str = "tenantry_bench_template";
/// How often to ask whether a tenant is there.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// Longest wait for one.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// Measures on the server of `target`, as superuser.
pub async fn run(target: &Target, plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    let sql = match &plan.schema {
        Some(file) => std::fs::read_to_string(file).with_context(|| file.display().to_string())?,
        None => forty_tables(),
    };
    let admin = connect(target).await?;
    clean(&admin).await?;
    for name in [CONTROL, APPLICATION, TEMPLATE] {
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    }
    for name in [APPLICATION, TEMPLATE] {
        observer.now(&format!("making the application's schema in {name}"));
        let client = tenantry_pg::connect_with(&target.with_database(name), &tenantry_pg::Session::plain()).await?;
        client.batch_execute(&sql).await.context("the application's schema")?;
        client.close().await;
    }
    let measured = measure(target, plan, observer).await;
    clean(&admin).await?;
    measured
}

async fn measure(target: &Target, plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    let known = Application { target: target.with_database(APPLICATION), context_key: None, runtime: None };
    let settings = Settings {
        connections: 10,
        applications: BTreeMap::from([("main".to_owned(), known)]),
        ..Settings::new(target.with_database(CONTROL), Secret::random()?)
    };
    let control = Control::start(settings).await?;
    let asker = Asker { router: control.router(), key: control.first_key().context("the first key")?.to_owned() };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    // for the sake of its work: nobody asks over the network
    let serving = tokio::spawn(control.serve(listener, async { drop(stopped.await) }));
    let body = json!({ "name": "main", "strategies": ["schema", "database"], "templateSchema": "public", "templateDatabase": TEMPLATE });
    let database = asker.send("POST", "/api/databases", Some(&body)).await?;
    let place = format!("/api/databases/{}", database["id"].as_str().context("an id")?);

    let mut rows = Vec::new();
    for (case, strategy, warm) in [
        ("shared", "shared", false),
        ("schema", "schema", false),
        ("database", "database", false),
        ("database, made ahead", "database", true),
    ] {
        observer.now(case);
        let (mut answered, mut active) = (Vec::new(), Vec::new());
        for n in 0..plan.rounds {
            if warm {
                asker.send("PATCH", &place, Some(&json!({ "warm": 1 }))).await?;
                wait(&asker, &place, |d| d["warmReady"] == 1).await?;
            }
            let slug = format!("bench-{strategy}-{warm}-{n}-x");
            let body = json!({ "name": "x", "slug": slug, "isolationStrategy": strategy });
            let begun = Instant::now();
            let made = asker.send("POST", "/api/tenants", Some(&body)).await?;
            answered.push(begun.elapsed().as_secs_f64() * 1e3);
            let tenant = format!("/api/tenants/{}", made["id"].as_str().context("an id")?);
            let there = wait(&asker, &tenant, |t| t["status"] != "provisioning").await?;
            active.push(begun.elapsed().as_secs_f64() * 1e3);
            anyhow::ensure!(there["status"] == "active", "{}", there["statusReason"]);
        }
        rows.push(Row { case: case.to_owned(), cells: vec![milliseconds(answered), milliseconds(active)] });
    }
    asker.send("PATCH", &place, Some(&json!({ "warm": 0 }))).await?;
    wait(&asker, &place, |d| d["warmReady"] == 0).await?;
    drop(stop);
    serving.await??;

    observer.now(&format!("{} shared tenants", plan.listed));
    let client = connect(&target.with_database(CONTROL)).await?;
    let sql = format!(
        "INSERT INTO tenantry_control.tenant
             (id, key, slug, name, plan, subscription_status, isolation_strategy, type, path, status)
         SELECT id, id, 'listed-' || n, 'Company ' || md5(n::text), 'free', 'active', 'shared', 'Root', ARRAY[id], 'active'
         FROM (SELECT gen_random_uuid() id, n FROM generate_series(1, {}) n) t",
        plan.listed
    );
    client.batch_execute(&sql).await?;
    client.batch_execute("ANALYZE tenantry_control.tenant").await?;
    client.close().await;
    let word = "c4ca4238a0b923820dcc509a6f75849b";
    for (case, query) in [
        ("a page of 50", "pageSize=50".to_owned()),
        ("a page of 200", "pageSize=200".to_owned()),
        ("a search for one", format!("search={word}")),
        ("a search for all, its first page", "search=company".to_owned()),
    ] {
        let mut took = Vec::new();
        for _ in 0..plan.rounds {
            let begun = Instant::now();
            asker.send("GET", &format!("/api/tenants?{query}"), None).await?;
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        rows.push(Row { case: case.to_owned(), cells: vec![milliseconds(took), Cell::default()] });
    }
    let tables = "tables of the application as given";
    Ok(Table {
        title: "Waiting for a place".to_owned(),
        note: format!(
            "milliseconds, medians of {}: until POST or GET is answered, and until the tenant is active; {tables}; lists of {} tenants",
            plan.rounds, plan.listed
        ),
        columns: vec!["answered".to_owned(), "active".to_owned()],
        rows,
    })
}

fn milliseconds(values: Vec<f64>) -> Cell {
    let middle = median(values);
    Cell { text: format!("{middle:.1}"), values: json!({ "milliseconds": middle }) }
}

/// Whoever asks the control plane, as its operator.
struct Asker {
    router: Router,
    key: String,
}

impl Asker {
    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.key))
            .header("if-match", "*")
            .header("content-type", "application/json")
            .body(body.map_or_else(Body::empty, |b| Body::from(b.to_string())))?;
        let response = self.router.clone().oneshot(request).await?;
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await?;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        anyhow::ensure!(status.is_success(), "{method} {path}: {status} {value}");
        Ok(value)
    }
}

async fn wait(asker: &Asker, path: &str, done: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let begun = Instant::now();
    loop {
        let now = asker.send("GET", path, None).await?;
        if done(&now) {
            return Ok(now);
        }
        anyhow::ensure!(begun.elapsed() < WAIT_MAX, "{path} is as it was: {now}");
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Takes away what an earlier run and this one made.
async fn clean(admin: &Client) -> anyhow::Result<()> {
    let ours = "SELECT datname::text FROM pg_database WHERE datname IN ($1, $2, $3) OR
                (datname ~ '^[tw]_[0-9a-f]{32}$' AND EXISTS (SELECT FROM pg_database WHERE datname = $1))";
    let databases = admin.query(ours, &[&CONTROL, &APPLICATION, &TEMPLATE]).await?;
    for row in &databases {
        let name: String = row.get(0);
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
    }
    let roles = "SELECT rolname::text FROM pg_roles WHERE starts_with(rolname, $1) OR starts_with(rolname, $2)";
    let (of_control, of_tenants) = (format!("{CONTROL}_"), format!("{APPLICATION}_t_"));
    for row in admin.query(roles, &[&of_control, &of_tenants]).await? {
        let name: String = row.get(0);
        admin.batch_execute(&format!("DROP ROLE {name}")).await?;
    }
    Ok(())
}

fn forty_tables() -> String {
    let one = |n: u32| {
        format!(
            "CREATE TABLE t{n} (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), parent_id uuid REFERENCES t{n}, name text NOT NULL,
               status text NOT NULL DEFAULT 'new', created_at timestamptz NOT NULL DEFAULT now(), UNIQUE (name));
             CREATE INDEX ON t{n} (status, created_at);"
        )
    };
    (0..40).map(one).collect()
}
