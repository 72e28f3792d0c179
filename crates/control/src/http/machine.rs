//! What machines ask: `/health`, `/ready` and `/metrics`. Nobody has to say who he is, and nothing tells of a tenant.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use super::Api;
use crate::db::Scope;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/health", get(|| async { "ok\n" })).route("/ready", get(ready)).route("/metrics", get(metrics))
}

async fn ready(State(api): State<Api>) -> impl IntoResponse {
    let answers = async { api.db().read(Scope::Platform, "ready").await?.commit().await };
    match answers.await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}

async fn metrics(State(api): State<Api>) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, api.0.counters.text(api.db().connections()))
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    requests: BTreeMap<(String, u16), (u64, Duration)>,
    refused: u64,
}

impl Counters {
    pub(super) fn request(&self, method: &str, status: u16, took: Duration) {
        // whatever a client calls its method, there are few of them here
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        let method = if known.contains(&method) { method } else { "other" };
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = counted.requests.entry((method.to_owned(), status)).or_default();
        entry.0 += 1;
        entry.1 += took;
    }

    pub(super) fn refused(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refused += 1;
    }

    fn text(&self, (made, idle): (usize, usize)) -> String {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let seconds = "# TYPE tenantry_control_request_seconds summary\n";
        text.push_str(seconds);
        for ((method, status), (count, took)) in &counted.requests {
            let labels = format!("{{method=\"{method}\",status=\"{status}\"}}");
            let _ = writeln!(text, "tenantry_control_request_seconds_count{labels} {count}");
            let _ = writeln!(text, "tenantry_control_request_seconds_sum{labels} {}", took.as_secs_f64());
        }
        let _ = writeln!(text, "# TYPE tenantry_control_refused_logins_total counter");
        let _ = writeln!(text, "tenantry_control_refused_logins_total {}", counted.refused);
        let _ = writeln!(text, "# TYPE tenantry_control_database_connections gauge");
        let _ = writeln!(text, "tenantry_control_database_connections{{state=\"made\"}} {made}");
        let _ = writeln!(text, "tenantry_control_database_connections{{state=\"idle\"}} {idle}");
        text
    }
}
