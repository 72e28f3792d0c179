//! Writers of an application that is in use: each updates, inserts and reads rows all the time and remembers its
//! longest wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tenantry_pg::{Session, Target, connect_with};
use tokio::task::JoinHandle;

/// Running writers.
pub(crate) struct Writers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<anyhow::Result<Waits>>>,
}

/// What the writers met.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    /// Writes done.
    pub(crate) writes: u64,
    /// Writes that failed.
    pub(crate) failed: u64,
    /// The longest one.
    pub(crate) worst: Duration,
}

impl Writers {
    /// Starts so many writers on table `events`.
    pub(crate) fn start(target: &Target, count: u32, rows: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..count).map(|n| tokio::spawn(write(target.clone(), n, rows, stop.clone()))).collect();
        Self { stop, tasks }
    }

    /// Ends them and adds up.
    pub(crate) async fn finish(self) -> anyhow::Result<Waits> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Waits::default();
        for task in self.tasks {
            let one = task.await.context("a writer ended badly")??;
            all.writes += one.writes;
            all.failed += one.failed;
            all.worst = all.worst.max(one.worst);
        }
        Ok(all)
    }
}

async fn write(target: Target, number: u32, rows: u64, stop: Arc<AtomicBool>) -> anyhow::Result<Waits> {
    let client = connect_with(&target, &Session::plain()).await?;
    let mut waits = Waits::default();
    // a simple generator: writers touch rows all over the table, the same ones in every run
    let mut state = u64::from(number) + 1;
    while !stop.load(Ordering::Relaxed) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let row = i64::try_from(1 + (state >> 33) % rows).context("a row number")?;
        let start = Instant::now();
        let done = match waits.writes % 4 {
            0 => {
                client
                    .execute(
                        "INSERT INTO events (source_id, body) SELECT source_id, 'new' FROM events WHERE id = $1",
                        &[&row],
                    )
                    .await
            }
            _ => client.execute("UPDATE events SET body = 'changed', seen = seen + 1 WHERE id = $1", &[&row]).await,
        };
        waits.worst = waits.worst.max(start.elapsed());
        waits.writes += 1;
        if done.is_err() {
            waits.failed += 1;
        }
        // an application thinks between two writes
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.close().await;
    Ok(waits)
}
