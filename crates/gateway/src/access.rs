//! One line for each request, as far as that is asked for: who, where, what came of it, and why. No query, no header, no
//! body: credentials are in all of them.

use std::time::Instant;

use tenantry_trace::Parent;

use crate::refusal::Refusal;
use crate::settings::AccessLog;
use crate::traced::{CUT, Traced};
use crate::worker::Worker;

/// What is known of a request while it goes on.
pub(crate) struct Line {
    pub(crate) began: Instant,
    pub(crate) request_id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) route: String,
    pub(crate) tenant: String,
    pub(crate) source: &'static str,
    /// The trace it belongs to, as the application is told.
    pub(crate) parent: Option<Parent>,
    pub(crate) traced: Option<Box<Traced>>,
    /// The client's own header is passed on.
    pub(crate) keeps_parent: bool,
    /// What the request is about is written down, for the log or for its spans.
    pub(crate) is_detailed: bool,
}

impl Line {
    pub(crate) fn new(began: Instant) -> Self {
        let text = String::new;
        let (request_id, method, path, route) = (text(), text(), text(), text());
        let (tenant, parent, traced) = (text(), None, None);
        let (keeps_parent, is_detailed, source) = (false, false, "");
        Self { began, request_id, method, path, route, tenant, source, parent, traced, keeps_parent, is_detailed }
    }

    /// The request was passed on.
    pub(crate) fn passed(&self, worker: &Worker, status: u16) {
        self.tell(status, "passed", "");
        if worker.settings().access_log == AccessLog::All {
            self.write(status, "passed", "");
        }
    }

    /// It was not.
    pub(crate) fn refused(&self, worker: &Worker, why: Refusal) {
        worker.counts().refused(why);
        self.tell(why.status(), "refused", why.page());
        if worker.settings().access_log != AccessLog::Off {
            self.write(why.status(), "refused", &why.to_string());
        }
    }

    /// Its spans, once.
    fn tell(&self, status: u16, decision: &'static str, cause: &str) {
        if let Some(traced) = self.traced.as_ref().filter(|traced| !traced.is_told.replace(true)) {
            traced.tell(self, status, decision, cause);
        }
    }

    fn write(&self, status: u16, decision: &str, cause: &str) {
        let trace = self.parent.map(|parent| parent.trace_text()).unwrap_or_default();
        let ms = self.began.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(
            target: "tenantry::access",
            { request.id = %self.request_id, trace.id = %trace, tenant.id = %self.tenant,
              tenant.source = self.source, route = %self.route, status, decision, cause, ms },
            "{} {}: {status} {decision}", self.method, self.path
        );
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // who went away, or was cut off, says no more
        self.tell(0, CUT, "");
    }
}
