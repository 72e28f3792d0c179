//! Clients that do the same transaction again and again, each waiting for its answer: a closed loop, as pgbench's, but
//! with a login and a transaction of its own for every client, which pgbench cannot do.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use fastrand::Rng;
use tokio::task::JoinHandle;

use crate::wire::{Login, Wire, query};

/// Longest wait for one answer: nobody waits longer in any of our runs.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);

/// The round trips of one transaction: each text is one simple query message.
pub type Transaction = Arc<dyn Fn(&mut Rng) -> Vec<String> + Send + Sync>;

/// One client to be.
#[derive(Clone)]
pub struct Client {
    /// As whom.
    pub login: Login,
    /// What it does.
    pub transaction: Transaction,
}

/// Clients that are at work.
pub struct Load {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    done: AtomicU64,
    waits: Mutex<Vec<Duration>>,
}

/// What clients did in a stretch of time.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// Transactions.
    pub transactions: u64,
    /// Its length.
    pub seconds: f64,
    /// How long each transaction took, sorted.
    pub waits: Vec<Duration>,
}

impl Load {
    /// Logs all in, then lets all begin.
    pub async fn start(port: u16, clients: Vec<Client>) -> anyhow::Result<Self> {
        let mut wires = Vec::new();
        for client in clients {
            let wire = Wire::connect(port, &client.login).await;
            wires.push((wire.with_context(|| format!("log in as {}", client.login.user))?, client.transaction));
        }
        let shared = Arc::new(Shared::default());
        let work = |(seed, (wire, transaction))| tokio::spawn(work(wire, transaction, seed, shared.clone()));
        let tasks = (0..).zip(wires).map(work).collect();
        Ok(Self { shared, tasks })
    }

    /// Lets them work for so long and says what they did meanwhile.
    pub async fn measure(&self, during: Duration) -> Stretch {
        let (begin, before) = (Instant::now(), self.shared.done.load(Ordering::Relaxed));
        self.shared.waits().clear();
        tokio::time::sleep(during).await;
        let transactions = self.shared.done.load(Ordering::Relaxed) - before;
        let seconds = begin.elapsed().as_secs_f64();
        let mut waits = std::mem::take(&mut *self.shared.waits());
        waits.sort_unstable();
        Stretch { transactions, seconds, waits }
    }

    /// Ends them; fails if one of them did.
    pub async fn finish(self) -> anyhow::Result<()> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.context("a client ended badly")??;
        }
        Ok(())
    }
}

impl Shared {
    fn waits(&self) -> std::sync::MutexGuard<'_, Vec<Duration>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stretch {
    /// Transactions a second.
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.transactions as f64 / self.seconds } else { 0.0 }
    }

    /// The wait that so many out of a hundred do not exceed, in milliseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        percentile(&self.waits, percent).as_secs_f64() * 1e3
    }
}

/// The value that so many out of a hundred of the sorted values do not exceed.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at).copied().unwrap_or_default()
}

async fn work(mut wire: Wire, transaction: Transaction, seed: u64, shared: Arc<Shared>) -> anyhow::Result<()> {
    let mut rng = Rng::with_seed(seed);
    while !shared.stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        for text in transaction(&mut rng) {
            let answer = tokio::time::timeout(ANSWER_WAIT_MAX, wire.round_trip(&query(&text))).await;
            answer.with_context(|| format!("no answer to `{text}`"))?.with_context(|| format!("`{text}`"))?;
        }
        shared.waits().push(begin.elapsed());
        shared.done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(wire.leave().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        let at = |percent| percentile(&sorted, percent).as_millis();
        assert_eq!((at(0), at(50), at(99), at(100)), (1, 100, 198, 200));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
