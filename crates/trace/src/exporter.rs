//! Takes spans from the threads that serve, and hands them on from one of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::otlp;
use crate::post::{Collector, PostError};
use crate::settings::Settings;
use crate::span::Span;

/// Requests whose spans go together.
const BATCH_MAX: usize = 512;
/// Attempts to hand a batch over.
const TRIES_MAX: u32 = 3;
/// The pause after the first failed attempt; twice as long after each further one.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// What became of spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Taken by the collector.
    pub exported: u64,
    /// Dropped, because the queue was full.
    pub dropped: u64,
    /// Given up, because the collector did not take them.
    pub failed: u64,
}

#[derive(Default)]
struct Counters {
    exported: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// A running exporter. When it is dropped its thread hands over what waits, with one attempt, and ends;
/// [`finish`](Self::finish) waits for that.
pub struct Exporter {
    queue: mpsc::Sender<Vec<Span>>,
    thread: JoinHandle<()>,
    counters: Arc<Counters>,
    settings: Arc<Settings>,
}

impl Exporter {
    /// Starts its thread.
    pub fn start(settings: Settings) -> std::io::Result<Self> {
        let settings = Arc::new(settings);
        let counters = Arc::new(Counters::default());
        let (queue, waiting) = mpsc::channel(settings.queue_max.max(1));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (own, counted) = (Arc::clone(&settings), Arc::clone(&counters));
        let thread = std::thread::Builder::new()
            .name("traces".into())
            .spawn(move || runtime.block_on(run(waiting, Collector::new(Arc::clone(&own)), &own, &counted)))?;
        Ok(Self { queue, thread, counters, settings })
    }

    /// Takes the spans of one request that has ended. Never waits.
    pub fn record(&self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        if self.queue.try_send(spans).is_err() {
            self.counters.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// What became of spans so far.
    pub fn counted(&self) -> Counted {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        Counted { exported: of(&counters.exported), dropped: of(&counters.dropped), failed: of(&counters.failed) }
    }

    /// Hands over what waits, and comes back when that was tried. It has a bound.
    pub fn finish(self) {
        drop(self.queue);
        // a panic was logged where it happened
        let _ = self.thread.join();
    }

    /// Whether it was started with these settings.
    pub fn is_of(&self, settings: &Settings) -> bool {
        *self.settings == *settings
    }
}

async fn run(
    mut waiting: mpsc::Receiver<Vec<Span>>,
    mut collector: Collector,
    settings: &Settings,
    counters: &Counters,
) {
    let mut is_well = true;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let until = Instant::now() + settings.flush_within;
        while batch.len() < BATCH_MAX {
            let room = BATCH_MAX - batch.len();
            match tokio::time::timeout_at(until, waiting.recv_many(&mut batch, room)).await {
                Ok(count) if count > 0 => {}
                // it is time, or nobody sends any more
                _ => break,
            }
        }
        let spans: Vec<Span> = batch.drain(..).flatten().collect();
        let count = spans.len() as u64;
        let body = hyper::body::Bytes::from(otlp::encode(&settings.service, spans));
        match hand_over(&mut collector, body, &waiting).await {
            Ok(()) => {
                counters.exported.fetch_add(count, Ordering::Relaxed);
                is_well = true;
            }
            Err(error) => {
                counters.failed.fetch_add(count, Ordering::Relaxed);
                // once, not for each batch of a long night
                if std::mem::take(&mut is_well) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "traces are lost: the collector does not take them"
                    );
                }
            }
        }
    }
}

async fn hand_over(
    collector: &mut Collector,
    body: hyper::body::Bytes,
    waiting: &mpsc::Receiver<Vec<Span>>,
) -> Result<(), PostError> {
    let mut pause = PAUSE_FIRST;
    for again in 1.. {
        match collector.post(body.clone()).await {
            // whoever stops waits for us
            Err(error) if error.may_pass() && again < TRIES_MAX && !waiting.is_closed() => {}
            result => return result,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    Err(PostError::Silent)
}
