//! What was refused, on its way into the audit log. A request does not wait for it, and its transaction is not that of
//! any change: there was none.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::access::Actor;
use crate::audit::{self, Context, Entry};
use crate::db::{Db, Scope};

/// Entries that wait to be written; more are dropped and said, so that an attacker cannot fill the memory.
const WAITING_MAX: usize = 1_024;
/// Credentials and sign-ins of which it is remembered that they stand in the log; a full list is forgotten.
const SEEN_MAX: usize = 16_384;

/// One refusal.
#[derive(Debug)]
struct Noted {
    actor: Actor,
    context: Context,
    entry: Entry,
}

/// Where refusals are put.
#[derive(Debug)]
pub(super) struct Notes {
    sender: mpsc::Sender<Noted>,
    seen: Mutex<HashSet<[u8; 32]>>,
}

impl Notes {
    /// Starts to write for as long as this lives.
    pub(super) fn start(db: Db) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write(db, waiting));
        Self { sender, seen: Mutex::default() }
    }

    /// Puts one there.
    pub(super) fn put(&self, actor: Actor, context: Context, entry: Entry) {
        let action = entry.action;
        if self.sender.try_send(Noted { actor, context, entry }).is_err() {
            tracing::warn!("{action} was not written into the audit log: too many at once");
        }
    }

    /// Whether this is seen for the first time.
    pub(super) fn sees_first(&self, digest: &[u8; 32]) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= SEEN_MAX {
            seen.clear();
        }
        seen.insert(*digest)
    }
}

async fn write(db: Db, mut waiting: mpsc::Receiver<Noted>) {
    while let Some(Noted { actor, context, entry }) = waiting.recv().await {
        let action = entry.action;
        let written = async {
            let mut tx = db.write(Scope::Platform, "authentication").await?;
            audit::record(&mut tx, &actor, &context, entry).await?;
            tx.commit().await
        };
        if let Err(error) = written.await {
            tracing::error!("{action} was not written into the audit log: {error}");
        }
    }
}
