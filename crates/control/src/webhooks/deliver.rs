//! One round of work: events become deliveries, and endpoints that are due get what waits for them.
//!
//! No transaction is open while an endpoint is waited for. A process that dies leaves its claims to run out; the next
//! one sends what it may have sent already, under the same id.

use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Bytes;
use jiff::Timestamp;
use serde_json::json;
use tenantry_courier::{Answer, Courier, LineError, SendError};
use uuid::Uuid;

use super::queue::{self, Claimed, Waiting};
use super::schedule::{self, Next};
use super::secret::EndpointSecret;
use super::{WebhookSettings, address, store};
use crate::ablation::{Protection, removed};
use crate::access::{Actor, Permission, on_platform};
use crate::audit::{Context, Entry, Outcome, Severity};
use crate::change::Change;
use crate::db::{Db, Scope};
use crate::error::Error;
use crate::http::reply::Reply;
use crate::ids::TenantId;
use crate::outbox::Event;
use crate::secret::Secret;

const ACTOR: &str = "task:webhooks";
/// Endpoints that are sent to at the same time.
const ENDPOINTS_MAX: usize = 32;
/// How long one endpoint is worked for before others get their turn.
const TURN_MAX: Duration = Duration::from_secs(20);
/// Most of an answer that is read over; nothing in it matters.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Works until nothing is due; says how many tries were made.
pub(crate) async fn round(db: &Db, secret: &Secret, settings: &WebhookSettings) -> Result<usize, Error> {
    distribute(db).await?;
    let claim = Uuid::now_v7();
    let courier = Courier {
        tls: settings.tls.clone(),
        reach: address::reach(settings),
        within: settings.within,
        answer_bytes_max: ANSWER_BYTES_MAX,
    };
    let tx = db.write(Scope::Platform, ACTOR).await?;
    let for_time = TURN_MAX + 2 * settings.within + Duration::from_secs(10);
    let claimed = queue::claim(&tx, claim, for_time, ENDPOINTS_MAX as i64).await?;
    tx.commit().await?;
    let work = Work { db, secret, settings, courier, claim };
    let mut turns = Vec::with_capacity(claimed.len());
    for endpoint in claimed {
        turns.push(work.turn(endpoint));
    }
    futures::future::join_all(turns).await.into_iter().sum()
}

async fn distribute(db: &Db) -> Result<(), Error> {
    loop {
        let tx = db.write(Scope::Platform, ACTOR).await?;
        let done = queue::distribute(&tx).await?;
        tx.commit().await?;
        if done == 0 {
            return Ok(());
        }
    }
}

struct Work<'a> {
    db: &'a Db,
    secret: &'a Secret,
    settings: &'a WebhookSettings,
    courier: Courier,
    claim: Uuid,
}

/// What came of a try.
enum Came {
    Through(u16),
    Back { status: Option<u16>, error: &'static str, asked: Option<Duration>, is_gone: bool },
}

impl Work<'_> {
    /// Sends to one endpoint what waits for it, one after the other.
    async fn turn(&self, endpoint: Claimed) -> Result<usize, Error> {
        let begun = Instant::now();
        let mut tries = 0;
        while begun.elapsed() < TURN_MAX {
            let tx = self.db.read(Scope::Platform, ACTOR).await?;
            let waiting = queue::next(&tx, endpoint.id).await?;
            tx.commit().await?;
            let Some(waiting) = waiting else { break };
            tries += 1;
            let came = self.send(&endpoint, &waiting).await;
            if !self.note(&endpoint, &waiting, came).await? {
                break;
            }
        }
        let tx = self.db.write(Scope::Platform, ACTOR).await?;
        queue::settle(&tx, endpoint.id, Some(self.claim)).await?;
        tx.commit().await?;
        Ok(tries)
    }

    async fn send(&self, endpoint: &Claimed, waiting: &Waiting) -> Came {
        let body = waiting.message.body();
        let (id, at) = (waiting.message.id.to_string(), Timestamp::now().as_second());
        let sign = |number| EndpointSecret::of(self.secret, endpoint.id, number).sign(&id, at, &body);
        let mut signature = sign(endpoint.secret_number);
        if endpoint.is_rotating {
            signature = format!("{signature} {}", sign(endpoint.secret_number - 1));
        }
        if removed(Protection::WebhookSignature) {
            signature.clear();
        }
        let request = Request::post(&endpoint.url)
            .header("content-type", "application/cloudevents+json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signature)
            .body(Bytes::from(body));
        let Ok(request) = request else { return back("bad-address") };
        match self.courier.send(request).await {
            Ok(answer) => came(&answer),
            Err(error) => {
                tracing::debug!(webhook = %endpoint.id, "a webhook was not delivered: {error}");
                back(word(&error))
            }
        }
    }

    /// Writes down what came of it; false if the endpoint shall rest.
    async fn note(&self, endpoint: &Claimed, waiting: &Waiting, came: Came) -> Result<bool, Error> {
        let (status, error, asked, is_gone) = match came {
            Came::Through(status) => {
                let tx = self.db.write(Scope::Platform, ACTOR).await?;
                queue::delivered(&tx, endpoint.id, waiting.id, small(status)).await?;
                tx.commit().await?;
                return Ok(true);
            }
            Came::Back { status, error, asked, is_gone } => (status, error, asked, is_gone),
        };
        let attempts = waiting.attempts.unsigned_abs() + 1;
        let next = schedule::after(&self.settings.retries, attempts, asked, chance());
        let pause = match next {
            Next::In(pause) => Some(pause),
            Next::Dead => None,
        };
        let tx = self.db.write(Scope::Platform, ACTOR).await?;
        let failing = queue::failed(&tx, endpoint.id, waiting.id, (status.map(small), error), pause).await?;
        tx.commit().await?;
        let Some(since) = failing else { return Ok(false) };
        let fails_for = Timestamp::now().duration_since(since);
        let too_long = fails_for >= jiff::SignedDuration::try_from(self.settings.disable_after).unwrap_or_default();
        if is_gone || too_long {
            let reason = if is_gone { "the endpoint answered 410 Gone" } else { "it failed for too long" };
            self.disable(endpoint, reason).await?;
            return Ok(false);
        }
        Ok(true)
    }

    async fn disable(&self, endpoint: &Claimed, reason: &str) -> Result<(), Error> {
        let granted = on_platform(&Actor::task("webhooks"), Permission::WebhookManage)?;
        let mut change = Change::begin(self.db, granted, Context::default(), None).await?;
        if !store::disable(change.tx(), endpoint.id, reason).await? {
            return Ok(());
        }
        let tenant = endpoint.tenant.map(TenantId);
        let mut entry = Entry::done("WEBHOOK_DISABLED", Severity::High, tenant).to("webhook", endpoint.id);
        entry.outcome = Outcome::Failure;
        change.audit(entry.with(json!({ "reason": reason }))).await?;
        let data = json!({ "id": endpoint.id, "reason": reason });
        let subject = Some(endpoint.id.to_string());
        change.emit(Event { kind: "tenantry.webhook.disabled", subject, tenant, data }).await?;
        change.commit(Reply::empty(axum::http::StatusCode::NO_CONTENT)).await.map(drop)
    }
}

fn came(answer: &Answer) -> Came {
    if (200..300).contains(&answer.status) {
        return Came::Through(answer.status);
    }
    let asked = answer.headers.get("retry-after").and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok());
    let error = if (300..400).contains(&answer.status) { "redirect" } else { "status" };
    Came::Back {
        status: Some(answer.status),
        error,
        asked: asked.map(Duration::from_secs),
        is_gone: answer.status == 410,
    }
}

fn back(error: &'static str) -> Came {
    Came::Back { status: None, error, asked: None, is_gone: false }
}

/// One word that tells an operator enough, and a stranger nothing of what answers where.
fn word(error: &SendError) -> &'static str {
    match error {
        SendError::Silent(_) => "timeout",
        SendError::Line(LineError::Refused) => "address-refused",
        SendError::Line(LineError::Tls(_) | LineError::NoTls) => "tls",
        SendError::Line(LineError::Address) | SendError::Request => "bad-address",
        SendError::Line(LineError::Name(_) | LineError::Connect(_)) | SendError::Ask(_) => "unreachable",
    }
}

fn small(status: u16) -> i16 {
    i16::try_from(status).unwrap_or(i16::MAX)
}

/// A number in 0..1; where there is no randomness, none is needed.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.0,
    }
}

/// Forgets what is older than the settings keep.
pub(crate) async fn forget(db: &Db, settings: &WebhookSettings) -> Result<(), Error> {
    loop {
        let tx = db.write(Scope::Platform, ACTOR).await?;
        let more = queue::forget(&tx, settings.keep).await?;
        tx.commit().await?;
        if !more {
            return Ok(());
        }
    }
}
