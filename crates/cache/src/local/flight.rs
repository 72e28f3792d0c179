//! One load for all who ask for the same entry at the same time.
//!
//! The first who misses leads; the others wait for what it finds. If its future is dropped, one of them leads. A removal
//! takes the flight off the list: who asks from then on loads anew, and what the old flight brings is not kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::watch;

/// A loader's failure, shared by all who waited for it.
pub(crate) type Failure = Arc<dyn std::error::Error + Send + Sync>;
/// What a load found.
pub(crate) type Outcome = Result<Option<Bytes>, Failure>;

/// A load that others may wait for.
#[derive(Debug)]
pub(crate) struct Flight {
    overtaken: AtomicBool,
    landed: watch::Receiver<Option<Outcome>>,
}

/// Held by who leads. Dropped without a word, it lets another lead.
#[derive(Debug)]
pub(crate) struct Lead {
    pub(crate) flight: Arc<Flight>,
    tell: watch::Sender<Option<Outcome>>,
}

impl Lead {
    pub(crate) fn new() -> Self {
        let (tell, landed) = watch::channel(None);
        Self { flight: Arc::new(Flight { overtaken: AtomicBool::new(false), landed }), tell }
    }

    /// Tells all who wait.
    pub(crate) fn land(self, outcome: Outcome) {
        self.tell.send_replace(Some(outcome));
    }
}

impl Flight {
    /// A removal came while it was under way.
    pub(crate) fn overtake(&self) {
        self.overtaken.store(true, Ordering::Release);
    }

    pub(crate) fn is_overtaken(&self) -> bool {
        self.overtaken.load(Ordering::Acquire)
    }

    /// What the leader found; `None` if it left without a word.
    pub(crate) async fn landing(&self) -> Option<Outcome> {
        let mut landed = self.landed.clone();
        let found = landed.wait_for(Option::is_some).await.ok()?;
        found.clone()
    }
}
