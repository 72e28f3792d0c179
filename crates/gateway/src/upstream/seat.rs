//! Whose turn it is: a seat for each request under way, given in the order of `edge::fair`.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Upstream;
use crate::refusal::Refusal;

/// Told when its turn has come.
pub(super) type Waiter = oneshot::Sender<()>;

/// Stands for all requests without a tenant.
const NOBODY: u32 = u32::MAX;

/// For whom a seat is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    tenant: u32,
    weight: u32,
    queue_max: Option<u32>,
    within: Duration,
}

impl Asker {
    /// For a tenant, or for nobody.
    pub(crate) fn new(tenant: Option<&tenantry_edge::admission::Admitted>, within: Duration) -> Self {
        match tenant {
            None => Self { tenant: NOBODY, weight: 1, queue_max: None, within },
            Some(tenant) => {
                let limits = tenant.limits();
                let within = limits.queue_wait.map_or(within, |own| own.min(within));
                Self { tenant: tenant.number(), weight: limits.weight, queue_max: limits.queue_length, within }
            }
        }
    }
}

/// The right to one connection. Dropping it settles the turn, and lets the next one in.
pub(crate) struct Seat {
    upstream: Rc<Upstream>,
    asker: Asker,
    began: Instant,
}

impl Seat {
    /// Takes a seat, or waits for one.
    pub(crate) async fn take(upstream: &Rc<Upstream>, asker: Asker, now: Instant) -> Result<Self, Refusal> {
        let size = upstream.settings.connections_max;
        let own = Rc::clone(upstream);
        if upstream.in_use.get() < size && upstream.queue.borrow_mut().try_begin(asker.tenant, asker.weight, size) {
            upstream.in_use.set(upstream.in_use.get() + 1);
            return Ok(Self { upstream: own, asker, began: now });
        }
        let (sender, receiver) = oneshot::channel();
        let pushed = upstream.queue.borrow_mut().push(asker.tenant, asker.weight, sender, asker.queue_max);
        let ticket = pushed.map_err(|_| Refusal::Busy)?;
        let mut waiting = Waiting { upstream: own, asker, ticket: Some(ticket), receiver };
        // there may be a place, and only the share was in the way
        upstream.pump();
        match tokio::time::timeout(asker.within, &mut waiting.receiver).await {
            Ok(Ok(())) => {
                waiting.ticket = None;
                Ok(Self { upstream: Rc::clone(upstream), asker, began: Instant::now() })
            }
            _ => Err(Refusal::Busy),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.upstream.queue.borrow_mut().charge(self.asker.tenant, self.asker.weight, micros);
        self.upstream.in_use.set(self.upstream.in_use.get().saturating_sub(1));
        self.upstream.pump();
    }
}

/// Somebody in the queue. Dropping it leaves the queue, and gives back a turn that had just come.
struct Waiting {
    upstream: Rc<Upstream>,
    asker: Asker,
    ticket: Option<tenantry_edge::fair::Ticket>,
    receiver: oneshot::Receiver<()>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        let was_in_queue = self.upstream.queue.borrow_mut().cancel(ticket).is_some();
        if !was_in_queue && self.receiver.try_recv().is_ok() {
            drop(Seat { upstream: Rc::clone(&self.upstream), asker: self.asker, began: Instant::now() });
        }
    }
}

impl Upstream {
    /// Lets in whoever's turn it is, as long as there is a place.
    fn pump(&self) {
        let size = self.settings.connections_max;
        while self.in_use.get() < size {
            let Some((tenant, waiter)) = self.queue.borrow_mut().pop_sharing(size, |_| true) else { return };
            if waiter.send(()).is_ok() {
                self.in_use.set(self.in_use.get() + 1);
            } else {
                self.queue.borrow_mut().unserved(tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::settings::{Times, UpstreamSettings};

    fn upstream(connections_max: u32) -> Rc<Upstream> {
        let settings = UpstreamSettings {
            name: "u".into(),
            servers: vec!["127.0.0.1:1".into()],
            tls: None,
            connections_max,
            idle_max: 1,
            idle_within: Duration::from_secs(1),
            health_path: None,
            health_every: Duration::from_secs(1),
        };
        Upstream::new(Arc::new(settings), Times::default())
    }

    fn asker(tenant: u32) -> Asker {
        Asker { tenant, weight: 1, queue_max: Some(3), within: Duration::from_secs(60) }
    }

    #[tokio::test]
    async fn a_flood_of_one_tenant_does_not_keep_another_waiting_behind_it() {
        let upstream = upstream(1);
        let first = Seat::take(&upstream, asker(1), Instant::now()).await.unwrap();
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let order = Rc::new(std::cell::RefCell::new(Vec::new()));
                let mut tasks = Vec::new();
                for (name, tenant) in [("a1", 1), ("a2", 1), ("a3", 1), ("b1", 2)] {
                    let (upstream, order) = (Rc::clone(&upstream), Rc::clone(&order));
                    tasks.push(tokio::task::spawn_local(async move {
                        let _seat = Seat::take(&upstream, asker(tenant), Instant::now()).await.unwrap();
                        order.borrow_mut().push(name);
                    }));
                    tokio::task::yield_now().await;
                }
                assert!(matches!(Seat::take(&upstream, asker(1), Instant::now()).await, Err(Refusal::Busy)), "full");
                drop(first);
                for task in tasks {
                    task.await.unwrap();
                }
                assert!(order.borrow().iter().position(|n| *n == "b1").unwrap() < 2, "{order:?}");
            })
            .await;
        assert_eq!(upstream.in_use.get(), 0);
    }

    #[tokio::test]
    async fn who_gives_up_leaves_no_hole() {
        let upstream = upstream(1);
        let first = Seat::take(&upstream, asker(1), Instant::now()).await.unwrap();
        let soon = Asker { within: Duration::from_millis(1), ..asker(2) };
        assert!(matches!(Seat::take(&upstream, soon, Instant::now()).await, Err(Refusal::Busy)));
        drop(first);
        assert_eq!((upstream.in_use.get(), upstream.queue.borrow().len()), (0, 0));
        assert!(Seat::take(&upstream, asker(3), Instant::now()).await.is_ok());
    }
}
