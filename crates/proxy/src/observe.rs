//! Looking at a running proxy from outside: what the console shows and metrics count.
//!
//! Every worker is asked by its channel and answers between two clients; nothing that clients wait for is locked, and
//! nothing is counted in common. A worker that does not answer in time is left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tenantry_edge::directory::Directory;
use tenantry_edge::usage::Counters;
use tenantry_model::TenantKey;
use tokio::sync::mpsc;

use crate::client::{Client, Doing};
use crate::settings::Mode;
use crate::worker::{Order, Worker};

/// How long workers are waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What is asked of a worker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Question {
    /// Each client.
    pub(crate) clients: bool,
    /// Each server connection.
    pub(crate) servers: bool,
}

/// What the workers answered, put together.
#[derive(Debug, Default)]
pub struct Seen {
    /// By database.
    pub pools: BTreeMap<Arc<str>, PoolSeen>,
    /// Workers that answered.
    pub workers: usize,
    /// The proxy takes no more clients.
    pub stopping: bool,
    pub(crate) clients: Vec<ClientSeen>,
    pub(crate) servers: Vec<ServerSeen>,
}

/// The pools of one database.
#[derive(Clone, Debug)]
pub struct PoolSeen {
    /// Its tenants.
    pub directory: Directory,
    /// Whether tenants are kept apart in it.
    pub isolated: bool,
    /// Where the server is.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its name on the server.
    pub server_name: String,
    /// Most server connections.
    pub size: usize,
    /// Server connections that nobody uses.
    pub idle: usize,
    /// Server connections on loan.
    pub lent: usize,
    /// Server connections that are being made.
    pub connecting: usize,
    /// Server connections made so far.
    pub made: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Clients that are connected.
    pub clients: usize,
    /// Of them, those that wait for a server connection.
    pub waiting: usize,
    /// The longest wait of those.
    pub longest_wait: Duration,
    /// Held back by an operator.
    pub paused: bool,
    /// What was used through it.
    pub used: Counters,
    pub(crate) mode: Mode,
}

/// One client.
#[derive(Clone, Debug)]
pub(crate) struct ClientSeen {
    pub(crate) database: Arc<str>,
    pub(crate) login: String,
    pub(crate) tenant: Option<String>,
    pub(crate) doing: Doing,
    pub(crate) address: String,
    pub(crate) connected_at: Instant,
    pub(crate) since: Instant,
    pub(crate) number: i32,
    pub(crate) process: Option<i32>,
}

/// One server connection.
#[derive(Clone, Debug)]
pub(crate) struct ServerSeen {
    pub(crate) database: Arc<str>,
    pub(crate) user: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) idle: bool,
    pub(crate) process: i32,
    pub(crate) made_at: Instant,
}

/// Looks at a proxy. Clones look at the same one, from any thread.
#[derive(Clone)]
pub struct Observer {
    orders: Vec<mpsc::UnboundedSender<Order>>,
}

impl Observer {
    pub(crate) fn new(orders: Vec<mpsc::UnboundedSender<Order>>) -> Self {
        Self { orders }
    }

    /// Counts by database.
    pub async fn look(&self) -> Seen {
        self.ask(Question::default()).await
    }

    pub(crate) async fn ask(&self, question: Question) -> Seen {
        let (answers, mut received) = mpsc::unbounded_channel();
        for orders in &self.orders {
            // a worker that has ended has nothing to show
            let _ = orders.send(Order::Show(question, answers.clone()));
        }
        drop(answers);
        let mut seen = Seen::default();
        let gathered = async {
            while let Some(answer) = received.recv().await {
                seen.absorb(answer);
            }
        };
        // whoever is late is left out
        let _ = tokio::time::timeout(ANSWER_WITHIN, gathered).await;
        seen
    }
}

impl Seen {
    fn absorb(&mut self, other: Self) {
        for (name, pool) in other.pools {
            match self.pools.get_mut(&name) {
                Some(known) => known.absorb(&pool),
                None => {
                    self.pools.insert(name, pool);
                }
            }
        }
        self.workers += other.workers;
        self.stopping |= other.stopping;
        self.clients.extend(other.clients);
        self.servers.extend(other.servers);
    }
}

impl PoolSeen {
    fn absorb(&mut self, other: &Self) {
        self.size += other.size;
        self.idle += other.idle;
        self.lent += other.lent;
        self.connecting += other.connecting;
        self.made += other.made;
        self.failed += other.failed;
        self.clients += other.clients;
        self.waiting += other.waiting;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.paused |= other.paused;
        self.used.absorb(&other.used);
    }
}

/// What one worker has to show.
pub(crate) fn show(worker: &Worker, question: Question) -> Seen {
    let now = Instant::now();
    let mut seen = Seen { workers: 1, stopping: worker.is_stopping(), ..Seen::default() };
    for pool in worker.pools() {
        let shown = pool.show();
        if question.servers {
            seen.servers.extend(pool.show_servers());
        }
        seen.pools.insert(Arc::clone(&pool.database.name), shown);
    }
    for (place, client) in worker.clients.borrow().iter() {
        let waiting = client.doing.get() == Doing::Waiting;
        if let Some(pool) = seen.pools.get_mut(&*client.database) {
            pool.clients += 1;
            if waiting {
                pool.waiting += 1;
                pool.longest_wait = pool.longest_wait.max(now.duration_since(client.since.get()));
            }
        }
        if question.clients {
            seen.clients.push(client_seen(worker, place, client));
        }
    }
    seen
}

fn client_seen(worker: &Worker, place: usize, client: &Client) -> ClientSeen {
    let tenant = client.tenant.borrow();
    let tenant = tenant.as_ref().map(|t| t.slug().map_or_else(|| key_text(t.key()), |slug| slug.to_string()));
    ClientSeen {
        database: Arc::from(&*client.database),
        login: client.login.to_string(),
        tenant,
        doing: client.doing.get(),
        address: client.address.map_or_else(|| "unix".to_owned(), |address| address.to_string()),
        connected_at: client.connected_at,
        since: client.since.get(),
        number: crate::cancel::key_of(worker.index, place),
        process: client.target.borrow().as_ref().map(|target| target.process),
    }
}

/// A tenant's key as text.
pub(crate) fn key_text(key: &TenantKey) -> String {
    key.to_string()
}
