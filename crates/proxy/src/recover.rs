//! A client left in the middle of a transaction: its server connection is brought back to rest, or closed.
//!
//! The statement is cancelled, the rest of its answers is dropped, an open transaction is rolled back, all within a
//! bound. If anything is not as expected, the connection is closed: a new one costs milliseconds, a wrong row costs
//! everything.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tenantry_wire::backend::TransactionStatus;
use tenantry_wire::frontend;

use crate::ablation::{Protection, removed};
use crate::buffer::Buffer;
use crate::cancel;
use crate::client::Target;
use crate::pool::Lease;
use crate::worker::Worker;

/// How long it may take.
const RECOVER_WITHIN: Duration = Duration::from_secs(2);
/// A statement that ends by itself within this is not cancelled.
const ENDS_BY_ITSELF_WITHIN: Duration = Duration::from_millis(20);

/// Brings a connection back to rest, on the side.
pub(crate) fn spawn(worker: Rc<Worker>, mut lease: Lease, sent_whole: bool) {
    if removed(Protection::Rest) {
        lease.finish(Instant::now());
        return;
    }
    if lease.unsynced && removed(Protection::NoSyncOfOurs) {
        lease.write_sync();
        lease.unsynced = false;
    }
    if lease.doomed.is_some() || !sent_whole {
        // half a message went out: whatever follows would be read as the rest of it
        lease.doom("a client left in the middle of a message");
        cancel_if_busy(&lease);
        return;
    }
    if lease.unsynced || lease.skipping {
        // a Sync of ours would commit what the client never asked to be committed
        lease.doom("a client left in the middle of a batch");
        cancel_if_busy(&lease);
        return;
    }
    tokio::task::spawn_local(async move {
        let rested = tokio::time::timeout(RECOVER_WITHIN, rest(&worker, &mut lease)).await;
        if !matches!(rested, Ok(Ok(()))) {
            lease.doom("it did not come to rest");
        }
        lease.finish(Instant::now());
    });
}

fn cancel_if_busy(lease: &Lease) {
    if !lease.expect.is_empty() {
        cancel::send(target(lease));
    }
}

fn target(lease: &Lease) -> Target {
    Target {
        process: lease.process,
        secret: Rc::clone(&lease.secret),
        cancels: Rc::clone(&lease.cancels),
        database: Rc::clone(lease.pool()),
    }
}

/// The connection is in no state that can be repaired.
struct Hopeless;

async fn rest(worker: &Worker, lease: &mut Lease) -> Result<(), Hopeless> {
    lease.inline_refusals = false;
    if lease.copy_in {
        frontend::write_copy_fail(lease.out.tail(), b"the client left").map_err(|_| Hopeless)?;
        lease.copy_in = false;
    }
    if tokio::time::timeout(ENDS_BY_ITSELF_WITHIN, drained(worker, lease)).await.is_err() {
        cancel_if_busy(lease);
        drained(worker, lease).await?;
    } else if !lease.expect.is_empty() {
        return Err(Hopeless);
    }
    if lease.status != TransactionStatus::Idle {
        lease.write_query("ROLLBACK");
        drained(worker, lease).await?;
    }
    if lease.entered_inside {
        lease.unsure();
        lease.entered_inside = false;
    }
    lease.rolled_back = false;
    lease.transaction_ended();
    lease.dirty |= lease.held_cursors > 0;
    lease.held_cursors = 0;
    while lease.cancels.get() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Reads and drops answers until none is expected.
async fn drained(worker: &Worker, lease: &mut Lease) -> Result<(), Hopeless> {
    poll_fn(|cx| {
        loop {
            if !lease.out.is_empty() {
                let link: &mut crate::link::Link = lease;
                if let Poll::Ready(Err(_)) = link.out.poll_drain(cx, &mut link.stream) {
                    return Poll::Ready(Err(Hopeless));
                }
            }
            if lease.expect.is_empty() && lease.out.is_empty() && lease.passing.left == 0 {
                return Poll::Ready(Ok(()));
            }
            let mut scratch = worker.scratch.borrow_mut();
            let kept = lease.partial.len();
            scratch[..kept].copy_from_slice(&lease.partial);
            let count = match lease.stream.poll_read(cx, &mut scratch[kept..]) {
                Poll::Ready(Ok(count)) if count > 0 => count,
                Poll::Ready(_) => return Poll::Ready(Err(Hopeless)),
                Poll::Pending => return Poll::Pending,
            };
            let bytes = &scratch[..kept + count];
            let mut dropped = Buffer::default();
            let Ok(seen) = lease.scan(bytes, &mut dropped, false) else { return Poll::Ready(Err(Hopeless)) };
            if seen.fatal || seen.copy_in {
                return Poll::Ready(Err(Hopeless));
            }
            lease.partial = bytes[seen.consumed..].to_vec();
        }
    })
    .await
}

/// Waits until no cancel request is on its way, then gives the connection back.
pub(crate) fn hold_back(mut lease: Lease) {
    tokio::task::spawn_local(async move {
        let begin = Instant::now();
        while lease.cancels.get() > 0 {
            if begin.elapsed() > cancel::CANCEL_WITHIN {
                lease.doom("a cancel request did not end");
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        lease.finish(Instant::now());
    });
}
