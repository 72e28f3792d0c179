//! Live attacks on the control plane's API, from outside: as a stranger, and as one tenant against another, over every
//! route of the OpenAPI document that it serves itself.
//!
//! How a request gets there is the caller's ([`Line`]): over TLS, or into a router in a test. What it refuses to do: use
//! any credential but those it was given, send more than a few thousand requests, or put a value of an answer into the
//! report. An attack that succeeds has done what it tried: make two tenants for this, that nobody else uses.

pub mod attacks;
mod document;
mod samples;
mod scene;

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value;

use super::Error;
use super::outcome::Stop;
use super::outside::{Known, Order, Run};
use super::report::Report;
use super::request::Observer;

pub use attacks::Attack;
use scene::Scene;

/// Where these attacks strike.
pub(crate) const LAYER: &str = "api";

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET` and its kin.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// JSON, if there is a body.
    pub body: Option<Value>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// The body, null if it is no JSON.
    pub body: Value,
}

/// The way to the API.
pub trait Line: Send + Sync {
    /// Sends a request and reads the whole answer.
    fn ask(&self, asked: Asked) -> BoxFuture<'_, Result<Answer, String>>;
}

/// What is done to the audit log, in a transaction that is rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tampering {
    /// An entry says something else.
    Edit,
    /// An entry in the middle is gone.
    Delete,
    /// The last entries are gone.
    Truncate,
    /// Two entries have changed places.
    Swap,
    /// An entry of another chain stands in this one.
    Splice,
}

/// The audit log behind the API, for whoever may reach it.
pub trait Log: Send + Sync {
    /// Does this to it, verifies it, and takes everything back: what was found; none if there is nothing to do it to.
    fn tamper(&self, how: Tampering) -> BoxFuture<'_, Result<Option<usize>, String>>;
}

/// A tenant, from outside.
#[derive(Clone)]
pub struct Side {
    /// Its id.
    pub tenant: String,
    /// A key of it that may do everything a tenant may.
    pub key: String,
}

/// A key of the attacking tenant that may do less.
#[derive(Clone)]
pub struct Lesser {
    /// The name of its role.
    pub role: String,
    /// The key.
    pub key: String,
    /// What the role may do, by the table: `tenant:read` and its kin.
    pub permissions: BTreeSet<String>,
}

/// The order for one run.
#[derive(Clone)]
pub struct Request {
    /// Where the API is, for the report.
    pub address: String,
    /// The tenant that attacks.
    pub a: Side,
    /// The tenant that is attacked.
    pub b: Side,
    /// Keys of A with lesser roles.
    pub lesser: Vec<Lesser>,
    /// Ids of the checks to run; all if empty.
    pub only: Vec<String>,
    /// Ids of the checks to leave out.
    pub skip: Vec<String>,
    /// The whole run. What does not fit is reported as skipped.
    pub total: Duration,
}

/// Attacks an API and says what came of it.
pub async fn run(
    request: &Request,
    line: &dyn Line,
    log: Option<&dyn Log>,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    let order = Order { layer: LAYER, only: &request.only, skip: &request.skip, total: request.total };
    let mut run = Run::begin(order, observer);
    let selected = run.select(attacks::all())?;
    let scene = Scene::new(request, line, log).await.map_err(|Stop(reason)| Error::Api { reason })?;
    run.started(selected.len());
    for attack in selected {
        run.attack(attack.about(), (attack.run)(&scene)).await;
    }
    Ok(run.report(&request.address, ""))
}
