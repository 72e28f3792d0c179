//! A request that is passed on: where to, what may be added to its answer, and what is held until it has ended.

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use tenantry_edge::admission::Admitted;
use tenantry_edge::limit::RequestGuard;
use tenantry_edge::usage::Counters;

use super::webhook;
use crate::access::Line;
use crate::answers::SharedTap;
use crate::h1::head::Framing;
use crate::refusal::Refusal;
use crate::upstream::{Asker, Connected, Link, Seat, Upstream};
use crate::worker::Worker;

/// A request that is passed on.
pub(crate) struct Plan {
    pub(crate) upstream: Rc<Upstream>,
    pub(crate) asker: Asker,
    /// Whole lines to add to the answer.
    pub(crate) lines: String,
    pub(crate) framing: Framing,
    pub(crate) body_bytes_max: u64,
    pub(crate) head_only: bool,
    pub(crate) is_tls: bool,
    pub(crate) websocket: bool,
    pub(crate) expects_continue: bool,
    /// It can be sent again without harm.
    pub(crate) is_idempotent: bool,
    pub(crate) tenant: Option<Admitted>,
    pub(crate) event: Option<[u8; 32]>,
    pub(crate) security_headers: bool,
    /// A credential of the tenant was there.
    pub(crate) proven: bool,
    /// What the application would answer.
    pub(crate) kept: Option<Bytes>,
    /// Hears what it answers.
    pub(crate) tap: Option<SharedTap>,
    /// One of the requests that its tenant may have at once.
    pub(super) _guard: Option<RequestGuard>,
}

impl Plan {
    /// A seat for it; none is needed for what is kept.
    pub(crate) async fn seat(&self, line: &Line) -> Result<Option<Seat>, Refusal> {
        if self.kept.is_some() {
            line.traced.iter().for_each(|traced| traced.kept());
            return Ok(None);
        }
        let seat = Seat::take(&self.upstream, self.asker, line.began).await.map(Some);
        if let (Ok(_), Some(traced)) = (&seat, &line.traced) {
            traced.seated();
        }
        seat
    }

    /// A connection to the application, or one in which its answer stands already.
    pub(crate) async fn connect(&self, fresh: bool) -> Result<Connected, Refusal> {
        if let Some(kept) = &self.kept {
            return Ok(Connected { link: Link::spoken(kept), server: 0, reused: false });
        }
        let mut connected = self.upstream.connect(fresh).await?;
        if let Some(tap) = &self.tap {
            tap.borrow_mut().begin();
            connected.link.input.tell(Rc::clone(tap));
        }
        Ok(connected)
    }

    /// The request has ended: what it used, and what became of it.
    pub(crate) fn settle(&self, worker: &Worker, line: &Line, status: u16, bytes_in: u64, bytes_out: u64) {
        let now = Instant::now();
        let took = now.saturating_duration_since(line.began);
        worker.counts().passed(status, took, bytes_in, bytes_out);
        if let Some(tenant) = &self.tenant {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let used = Counters { requests: 1, bytes_in, bytes_out, server_micros: micros, ..Counters::default() };
            tenant.usage().add(&used, worker.micros(now));
        }
        match &self.event {
            Some(event) if status < 300 => webhook::delivered(worker, event),
            _ => self.undelivered(worker),
        }
        line.passed(worker, status);
    }

    /// An event that the application did not take may come again.
    pub(crate) fn undelivered(&self, worker: &Worker) {
        if let Some(event) = &self.event {
            webhook::give_back(worker, event);
        }
    }
}
