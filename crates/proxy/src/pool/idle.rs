//! Connections that nobody uses at the moment.

use crate::link::{Held, Link};
use crate::pool::Slot;

/// The idle connections, the most recently used last. There are few of them, so looking through them all is cheaper
/// than any index.
#[derive(Default)]
pub(crate) struct Idle {
    #[allow(clippy::vec_box, reason = "a connection is lent and given back in its box: it never moves")]
    links: Vec<Box<Link>>,
    /// Logins of connections that the server closed while nobody used them.
    gone: Vec<Slot>,
}

impl Idle {
    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether the connection to this process is idle.
    pub(crate) fn has(&self, process: i32) -> bool {
        self.links.iter().any(|link| link.process == process)
    }

    pub(crate) fn put(&mut self, link: Box<Link>) {
        self.links.push(link);
    }

    /// The best connection for a tenant: the last one that holds its context, else one that holds nobody's, else the
    /// one that has been idle longest, so that tenants that are at work keep theirs.
    pub(crate) fn take(&mut self, wanted: &Held) -> Option<Box<Link>> {
        // nearly always the last
        let at = match self.links.last()? {
            last if last.held == *wanted => self.links.len() - 1,
            _ => {
                let held = |held: &Held| self.links.iter().rposition(|l| l.held == *held);
                held(wanted).or_else(|| held(&Held::Nobody)).unwrap_or(0)
            }
        };
        Some(self.links.remove(at))
    }

    /// As [`take`](Self::take), but none that the server closed meanwhile.
    pub(crate) fn take_alive(&mut self, wanted: &Held) -> Option<Box<Link>> {
        loop {
            let mut link = self.take(wanted)?;
            if link.is_still_there() {
                return Some(link);
            }
            self.gone.push(link.slot.clone());
        }
    }

    /// Closes what must not be used again; gives the logins. Nearly always there is none, and nothing is made.
    pub(crate) fn remove_doomed(&mut self) -> Vec<Slot> {
        let mut slots = std::mem::take(&mut self.gone);
        if self.links.iter().any(|link| link.doomed.is_some()) {
            slots.append(&mut self.remove_if(|link| link.doomed.is_some()));
        }
        slots
    }

    /// Closes what the server closed as well; gives the logins.
    pub(crate) fn remove_gone(&mut self) -> Vec<Slot> {
        for link in &mut self.links {
            if link.doomed.is_none() && !link.is_still_there() {
                link.doom("the server closed it");
            }
        }
        self.remove_doomed()
    }

    /// Takes out and closes what fits; gives the logins.
    pub(crate) fn remove_if(&mut self, mut close: impl FnMut(&Link) -> bool) -> Vec<Slot> {
        let mut slots = Vec::new();
        self.links.retain(|link| {
            let close = close(link);
            if close {
                slots.push(link.slot.clone());
            }
            !close
        });
        slots
    }
}
