//! Moments at which the process may die. Tests let it die at each of them: the future that works is never polled
//! again, its connections close, and nothing of ours is run, as if the process had been killed. Without the feature
//! `ablation` nothing happens here.

#[cfg(feature = "ablation")]
use std::sync::Arc;
#[cfg(feature = "ablation")]
use std::sync::atomic::{AtomicUsize, Ordering};

/// When a test lets it die: at which moment from now, and who is told.
#[cfg(feature = "ablation")]
#[derive(Debug, Default)]
pub struct Mortal {
    left: AtomicUsize,
    died: tokio::sync::Notify,
}

#[cfg(feature = "ablation")]
impl Mortal {
    /// Dies at the n-th moment.
    pub fn at(n: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(n), died: tokio::sync::Notify::new() })
    }

    /// Runs work until it ends (true), or dies (false).
    pub async fn run<F: Future>(self: &Arc<Self>, work: F) -> bool {
        tokio::select! {
            biased;
            _ = MORTAL.scope(Arc::clone(self), work) => true,
            () = self.died.notified() => false,
        }
    }
}

#[cfg(feature = "ablation")]
tokio::task_local! {
    static MORTAL: Arc<Mortal>;
}

/// A moment at which the process may die.
#[cfg(feature = "ablation")]
pub(crate) async fn moment() {
    let Ok(mortal) = MORTAL.try_with(Arc::clone) else { return };
    if mortal.left.fetch_sub(1, Ordering::SeqCst) == 1 {
        mortal.died.notify_one();
        std::future::pending::<()>().await;
    }
}

/// It does not.
#[cfg(not(feature = "ablation"))]
#[expect(clippy::unused_async, reason = "the other one waits")]
pub(crate) async fn moment() {}
