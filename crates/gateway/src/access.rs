//! One line for each request, as far as that is asked for: who, where, what came of it, and why. No query, no header, no
//! body: credentials are in all of them.

use std::time::Instant;

use crate::refusal::Refusal;
use crate::settings::AccessLog;
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
    pub(crate) trace: String,
}

impl Line {
    pub(crate) fn new(began: Instant) -> Self {
        let text = String::new;
        let (request_id, method, path, route) = (text(), text(), text(), text());
        Self { began, request_id, method, path, route, tenant: text(), source: "", trace: text() }
    }

    /// The request was passed on.
    pub(crate) fn passed(&self, worker: &Worker, status: u16) {
        if worker.settings().access_log == AccessLog::All {
            self.write(status, "passed", "");
        }
    }

    /// It was not.
    pub(crate) fn refused(&self, worker: &Worker, why: Refusal) {
        worker.counts().refused(why);
        if worker.settings().access_log != AccessLog::Off {
            self.write(why.status(), "refused", &why.to_string());
        }
    }

    fn write(&self, status: u16, decision: &str, cause: &str) {
        let ms = self.began.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(
            target: "tenantry::access",
            { request.id = %self.request_id, trace.id = %self.trace, tenant.id = %self.tenant,
              tenant.source = self.source, route = %self.route, status, decision, cause, ms },
            "{} {}: {status} {decision}", self.method, self.path
        );
    }
}
