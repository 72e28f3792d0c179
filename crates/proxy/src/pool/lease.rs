//! A server connection on loan.

use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::time::Instant;

use super::{Asker, Pool};
use crate::ablation::{Protection, removed};
use crate::link::Link;

/// A connection that is somebody's for now. Give it back with [`Lease::finish`]; if it is dropped otherwise, its
/// state is in doubt and the connection is closed.
pub(crate) struct Lease {
    pool: Rc<Pool>,
    link: Option<Box<Link>>,
    asker: Asker,
    pub(crate) since: Instant,
}

impl Lease {
    pub(super) fn new(pool: Rc<Pool>, link: Box<Link>, asker: Asker, since: Instant) -> Self {
        Self { pool, link: Some(link), asker, since }
    }

    /// Gives the connection back. It is closed if it is not idle, or doomed.
    pub(crate) fn finish(mut self, now: Instant) {
        let Some(mut link) = self.link.take() else { return };
        link.used_at = now;
        let took = now.duration_since(self.since);
        let rests = link.is_idle() || removed(Protection::Rest);
        let good = rests && link.doomed.is_none();
        if !good {
            self.pool.log_closed(&link, link.doomed.unwrap_or("it was not at rest"));
        }
        let back = if good { Ok(link) } else { Err(link.slot.clone()) };
        self.pool.back(&self.asker, took, back);
    }

    pub(crate) fn pool(&self) -> &Rc<Pool> {
        &self.pool
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            self.pool.log_closed(&link, link.doomed.unwrap_or("its client ended in the middle"));
            let slot = link.slot.clone();
            drop(link);
            self.pool.back(&self.asker, self.since.elapsed(), Err(slot));
        }
    }
}

impl Deref for Lease {
    type Target = Link;

    #[allow(clippy::expect_used, reason = "the connection is taken out only where the lease ends")]
    fn deref(&self) -> &Link {
        self.link.as_ref().expect("a lease has its connection until it ends")
    }
}

impl DerefMut for Lease {
    #[allow(clippy::expect_used, reason = "the connection is taken out only where the lease ends")]
    fn deref_mut(&mut self) -> &mut Link {
        self.link.as_mut().expect("a lease has its connection until it ends")
    }
}
