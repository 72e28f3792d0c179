//! `bench/run quota-validate`: validations of quotas a second over loopback, each asked of the database, and from a
//! memory of half a second with the database as the truth. What is remembered is read again once in that time for each
//! tenant that is asked for, so the gain shrinks with their number. Client and control plane share this machine.
//!
//! The last thing it does is to use a tenant's quota up and to ask once more: a memory that said yes would be worth
//! nothing, however fast.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};
use tenantry_blueprint::registry::Registry;
use tenantry_control::{Control, Secret, Settings};
use tenantry_engine::bench::{Observer, Options, Scratch};
use tenantry_model::Ident;
use tenantry_pg::{Session, Target, connect_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::table::{Cell, Row, Table};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Connections that ask
    #[arg(long, default_value_t = 16)]
    pub clients: usize,
    /// Tenants they ask for; each one's numbers are read again once in an age
    #[arg(long, default_value_t = 10)]
    pub tenants: usize,
    /// How old the numbers of the second lane may be, in milliseconds
    #[arg(long, default_value_t = 500)]
    pub age_ms: u64,
    /// Rounds of each lane
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Seconds of a round
    #[arg(long, default_value_t = 3)]
    pub seconds: u64,
}

/// Connections of the control plane to each of its databases.
const CONNECTIONS: usize = 8;
/// The limit: far away for whoever asks, and reached by the last tenant at the end.
const LIMIT: i64 = 1_000;

const SCHEMA: &str = "
CREATE TABLE workspace (id uuid PRIMARY KEY);
CREATE TABLE segment (id bigserial PRIMARY KEY, workspace_id uuid NOT NULL REFERENCES workspace);
CREATE INDEX ON segment (workspace_id);";

const REGISTRY: &str = r#"
format = 1
[root]
table = "public.workspace"
key = "id"
[tables."public.workspace"]
class = "root"
[tables."public.segment"]
class = "direct"
column = "workspace_id"
[resources.segments]
table = "public.segment"
"#;

/// Where the numbers come from.
#[derive(Clone, Copy, PartialEq)]
enum Lane {
    Database,
    Memory,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "database each time",
            Self::Memory => "from memory",
        })
    }
}

const LANES: [Lane; 2] = [Lane::Database, Lane::Memory];

/// A control plane that serves.
struct Served {
    at: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), std::io::Error>>,
    first_key: Option<String>,
}

impl Served {
    async fn start(settings: Settings) -> anyhow::Result<Self> {
        let control = Control::start(settings).await.context("start the control plane")?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("listen")?;
        let (at, first_key) = (listener.local_addr()?, control.first_key().map(str::to_owned));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(control.serve(listener, async move { _ = stopped.await }));
        Ok(Self { at, stop, task, first_key })
    }

    async fn stop(self) {
        // who is gone has stopped
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// Measures both lanes on the server of `target`.
pub async fn run(target: &Target, options: &Options, plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    anyhow::ensure!(plan.tenants > 0 && plan.clients > 0 && plan.rounds > 0, "at least one of each is needed");
    observer.now("making the application and the control plane");
    let mut ground = Scratch::create(target, options).await?;
    ground.execute("make the tables", SCHEMA).await?;
    ground.use_registry(Registry::parse(REGISTRY)?);
    ground.isolate(options, observer).await?;
    let name = Ident::new(ground.target().database())?;
    let login = Ident::composed("", name.as_str(), "_control");
    let group = Ident::composed("", name.as_str(), "_quota");
    let sql = format!("CREATE ROLE {} LOGIN PASSWORD 'bench-only' IN ROLE {}", login.quoted(), group.quoted());
    ground.execute("make the control plane's login", &sql).await?;
    // beside it, with roles that begin with its name: whoever drops one drops all
    let home = Ident::composed("", name.as_str(), "_home");
    let admin = connect_with(target, &Session::plain()).await?;
    admin.batch_execute(&format!("CREATE DATABASE {}", home.quoted())).await.context("make the control database")?;
    let settings = Settings {
        connections: CONNECTIONS,
        application: Some(ground.target().with_login(login.as_str(), "bench-only")),
        ..Settings::new(target.with_database(home.as_str()), Secret::random().context("draw a secret")?)
    };
    let measured = measure(&ground, settings, plan, observer).await;
    admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", home.quoted())).await.context("drop it")?;
    for role in ["api", "operator"] {
        let role = Ident::composed("", home.as_str(), &format!("_control_{role}"));
        admin.batch_execute(&format!("DROP ROLE IF EXISTS {}", role.quoted())).await.context("drop its roles")?;
    }
    admin.close().await;
    ground.drop().await?;
    measured
}

async fn measure(ground: &Scratch, settings: Settings, plan: &Plan, observer: &dyn Observer) -> anyhow::Result<Table> {
    let direct = Served::start(settings.clone()).await?;
    let operator = direct.first_key.clone().context("the first start makes a key")?;
    let from_memory =
        Served::start(Settings { validation_age: Duration::from_millis(plan.age_ms), ..settings }).await?;
    let mut asked = Vec::new();
    for n in 0..plan.tenants {
        let tenant = ask(
            direct.at,
            &operator,
            "POST",
            "/api/tenants",
            &json!({ "name": n.to_string(), "slug": format!("bench-{n}-x") }),
        )
        .await?;
        let id = tenant["id"].as_str().context("a tenant has an id")?.to_owned();
        ground.execute("make the tenant's row", &format!("INSERT INTO workspace VALUES ('{id}')")).await?;
        let place = format!("/api/tenants/{id}");
        ask(direct.at, &operator, "PUT", &format!("{place}/quota"), &json!({ "maxSegments": LIMIT })).await?;
        let body = json!({ "name": "bench", "role": "Author" });
        let key = ask(direct.at, &operator, "POST", &format!("{place}/keys"), &body).await?;
        let key = key["key"].as_str().context("a new key is shown")?.to_owned();
        asked.push((id, key));
    }
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(asked.iter().map(|(id, key)| validation(id, key, 1)).collect());
    let mut lanes: [Vec<(f64, f64, f64)>; 2] = Default::default();
    for round in 0..plan.rounds {
        for turn in 0..LANES.len() {
            let n = (turn + round) % LANES.len();
            observer.now(&format!("{}, round {} of {}", LANES[n], round + 1, plan.rounds));
            let at = if LANES[n] == Lane::Memory { from_memory.at } else { direct.at };
            lanes[n].push(flood(at, &requests, plan).await?);
        }
    }
    refuses_when_full(ground, from_memory.at, &asked[0], Duration::from_millis(plan.age_ms)).await?;
    direct.stop().await;
    from_memory.stop().await;
    let mut medians = lanes.map(|mut rounds| {
        rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        rounds[rounds.len() / 2]
    });
    let base = medians[0].0;
    let cells = medians.iter_mut().map(|(rate, median, high)| Cell {
        text: format!("{rate:.0}/s ({:.1}), median {median:.2} ms, p99 {high:.2} ms", *rate / base),
        values: json!({ "perSecond": rate, "ratio": *rate / base, "medianMs": median, "p99Ms": high }),
    });
    Ok(Table {
        title: "Validations of quotas over HTTP".to_owned(),
        note: format!(
            "validations a second on loopback, and the ratio to the first column; {} connections, {} tenants, numbers at most {} ms old, medians of {} rounds of {} s, taking turns; client and control plane share the machine",
            plan.clients, plan.tenants, plan.age_ms, plan.rounds, plan.seconds
        ),
        columns: LANES.iter().map(ToString::to_string).collect(),
        rows: vec![Row { case: "one increment".to_owned(), cells: cells.collect() }],
    })
}

/// Rate, median and 99th percentile (ms) of as many connections as are wanted, each asking one after the other.
async fn flood(at: SocketAddr, requests: &Arc<Vec<Vec<u8>>>, plan: &Plan) -> anyhow::Result<(f64, f64, f64)> {
    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let clients: Vec<_> = (0..plan.clients)
        .map(|n| {
            let (requests, stop) = (Arc::clone(requests), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(at).await?;
                stream.set_nodelay(true)?;
                let (mut took, mut buffer, mut next) = (Vec::new(), vec![0; 16 * 1024], n);
                while !stop.load(Ordering::Relaxed) {
                    let sent = Instant::now();
                    stream.write_all(&requests[next % requests.len()]).await?;
                    let status = answer(&mut stream, &mut buffer).await?.0;
                    anyhow::ensure!(status == 200, "a validation was answered with status {status}");
                    took.push(sent.elapsed());
                    next += 1;
                }
                Ok::<_, anyhow::Error>(took)
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(plan.seconds)).await;
    stop.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for client in clients {
        took.extend(client.await.context("a client ended")??);
    }
    let seconds = began.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: f64| {
        let index = ((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1));
        took.get(index).map_or(0.0, |d| d.as_secs_f64() * 1_000.0)
    };
    Ok((took.len() as f64 / seconds, at(0.5), at(0.99)))
}

/// A tenant that has used up everything is told so, whatever was remembered.
async fn refuses_when_full(
    ground: &Scratch,
    at: SocketAddr,
    (id, key): &(String, String),
    age: Duration,
) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(at).await?;
    let mut buffer = vec![0; 16 * 1024];
    stream.write_all(&validation(id, key, 1)).await?;
    anyhow::ensure!(answer(&mut stream, &mut buffer).await?.0 == 200, "there is room, and it was refused");
    let sql = format!("INSERT INTO segment (workspace_id) SELECT '{id}' FROM generate_series(1, {LIMIT})");
    ground.execute("use the quota up", &sql).await?;
    tokio::time::sleep(2 * age).await;
    stream.write_all(&validation(id, key, 1)).await?;
    let status = answer(&mut stream, &mut buffer).await?.0;
    anyhow::ensure!(status == 429, "a quota that is used up was answered with status {status}");
    Ok(())
}

fn validation(id: &str, key: &str, increment: u32) -> Vec<u8> {
    let body = json!({ "resourceType": "segments", "increment": increment });
    request(key, "POST", &format!("/api/tenants/{id}/quota/validate"), &body)
}

fn request(key: &str, method: &str, path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One request on a connection of its own; its JSON.
async fn ask(at: SocketAddr, key: &str, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(&request(key, method, path, body)).await?;
    let mut buffer = vec![0; 64 * 1024];
    let (status, body) = answer(&mut stream, &mut buffer).await?;
    let text = String::from_utf8_lossy(&body).into_owned();
    anyhow::ensure!(status < 300, "{method} {path}: status {status}: {text}");
    serde_json::from_str(&text).context("an answer is JSON")
}

/// Status and body of the next answer.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut have = 0;
    loop {
        let read = stream.read(&mut buffer[have..]).await?;
        anyhow::ensure!(read > 0, "the connection ended before the answer did");
        have += read;
        let Some(head) = buffer[..have].windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).context("a head is text")?;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let length = length.context("an answer says its length")?;
        if have >= head + 4 + length {
            let status = text.split(' ').nth(1).and_then(|s| s.parse().ok()).context("an answer has a status")?;
            return Ok((status, buffer[head + 4..head + 4 + length].to_vec()));
        }
    }
}
