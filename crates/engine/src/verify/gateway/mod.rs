//! Live attacks on a running HTTP gateway, from outside: as two tenants with their own credentials, over its port.
//!
//! Each attack sends what no browser would. What it refuses to do: send anything but GET, HEAD and requests that have
//! to be refused, more than a few hundred of them, wait longer than its bounds, or use any credential but the two it
//! was given. What counts is whether a request was let in; answers are not read for customers' values.

pub mod attacks;
mod client;
mod scene;

use std::time::{Duration, Instant};

use super::Error;
use super::outcome::{Outcome, Stop};
use super::report::{Check, FORMAT, Report, Status};
use super::request::{Event, Observer};

pub use attacks::Attack;
use scene::Scene;

/// Where these attacks strike.
pub(crate) const LAYER: &str = "gateway";

/// A tenant, from outside.
#[derive(Clone)]
pub struct Side {
    /// The host name under which it is reached.
    pub host: String,
    /// A bearer token or API key of it.
    pub credential: String,
}

/// The order for one run.
#[derive(Clone)]
pub struct Request {
    /// `host:port` of the gateway.
    pub address: String,
    /// A path that needs a tenant and a credential, and changes nothing when it is asked for.
    pub path: String,
    /// The tenant that attacks.
    pub a: Side,
    /// The tenant that is attacked.
    pub b: Side,
    /// Ids of the checks to run; all if empty.
    pub only: Vec<String>,
    /// Ids of the checks to leave out.
    pub skip: Vec<String>,
    /// The whole run. What does not fit is reported as skipped.
    pub total: Duration,
}

/// Attacks a gateway and says what came of it.
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
    let scene = Scene::new(request).await.map_err(|Stop(reason)| Error::Gateway { reason })?;
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
        database: request.address.clone(),
        server_version: String::new(),
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
