//! Live attacks on a running SQL proxy, from outside: as two tenants with their own logins, over its port.
//!
//! Each attack says on the wire what no driver would, and then looks who the next client is. What it refuses to do:
//! write anything, send more than a few thousand messages, wait longer than its bounds, or use any login but the two
//! it was given. Only what the database itself says of the context counts, never what the proxy says.

pub mod attacks;
mod client;
mod line;
mod scene;

use std::time::{Duration, Instant};

use tokio_rustls::TlsConnector;

use super::Error;
use super::outcome::{Outcome, Stop};
use super::report::{Check, FORMAT, Report, Status};
use super::request::{Event, Observer};

pub use attacks::Attack;
use scene::Scene;

/// Where these attacks strike.
pub(crate) const LAYER: &str = "proxy";

/// A login that is fixed to a tenant.
#[derive(Clone)]
pub struct Login {
    /// `role.tenant`.
    pub user: String,
    /// An API key or password of that tenant.
    pub password: String,
}

/// The order for one run.
#[derive(Clone)]
pub struct Request {
    /// Host of the proxy.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS, and what it checks of the proxy; `None` speaks in the clear.
    pub tls: Option<TlsConnector>,
    /// The database, by the proxy's name for it.
    pub database: String,
    /// The tenant that attacks.
    pub a: Login,
    /// The tenant that is attacked.
    pub b: Login,
    /// Ids of the checks to run; all if empty.
    pub only: Vec<String>,
    /// Ids of the checks to leave out.
    pub skip: Vec<String>,
    /// The whole run. What does not fit is reported as skipped.
    pub total: Duration,
}

/// Attacks a proxy and says what came of it.
pub async fn run(request: &Request, observer: &dyn Observer) -> Result<Report, Error> {
    let begun = Instant::now();
    let started_at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let all = attacks::all();
    if let Some(unknown) = request.only.iter().chain(&request.skip).find(|id| !all.iter().any(|a| a.id == **id)) {
        return Err(Error::UnknownCheck(unknown.clone()));
    }
    let wanted = |a: &&&Attack| {
        (request.only.is_empty() || request.only.iter().any(|o| o == a.id)) && !request.skip.iter().any(|s| s == a.id)
    };
    let selected: Vec<&Attack> = all.iter().filter(wanted).copied().collect();
    let scene = Scene::new(request).await.map_err(|Stop(reason)| Error::Proxy { reason })?;
    observer.event(Event::Started { checks: selected.len() });
    let mut checks = Vec::new();
    for attack in selected {
        observer.event(Event::Begin { id: attack.id, title: attack.title });
        let left = request.total.saturating_sub(begun.elapsed());
        let outcome = match tokio::time::timeout(left, (attack.run)(&scene)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Stop(why))) => Outcome::Skipped(format!("the attack broke off: {why}")),
            Err(_) => Outcome::Skipped("the time budget of this run was used up".into()),
        };
        let check = check(attack, outcome);
        observer.event(Event::End { id: attack.id, status: check.status });
        checks.push(check);
    }
    let mut report = Report {
        format: FORMAT,
        passed: 0,
        failed: 0,
        residual: 0,
        skipped: 0,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        database: request.database.clone(),
        server_version: scene.server_version.clone(),
        started_at,
        seconds: (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        checks,
        tables: Vec::new(),
    };
    report.count();
    Ok(report)
}

fn check(attack: &Attack, outcome: Outcome) -> Check {
    let (status, objects, evidence) = match outcome {
        Outcome::Pass(evidence) => (Status::Pass, vec![], evidence),
        Outcome::Residual(evidence) => (Status::Residual, vec![], evidence),
        Outcome::Skipped(evidence) => (Status::Skipped, vec![], evidence),
        Outcome::Fail { objects, evidence } => (Status::Fail, objects, evidence),
    };
    Check {
        id: attack.id.to_owned(),
        title: attack.title.to_owned(),
        layer: LAYER.to_owned(),
        severity: attack.severity,
        status,
        objects,
        evidence,
        remedy: attack.remedy.to_owned(),
    }
}
