//! Live attacks on a running HTTP gateway, from outside: as two tenants with their own credentials, over its port.
//!
//! Each attack sends what no browser would. What it refuses to do: send anything but GET, HEAD and requests that have
//! to be refused, more than a few hundred of them, wait longer than its bounds, or use any credential but the two it
//! was given. What counts is whether a request was let in; answers are not read for customers' values.

pub mod attacks;
mod client;
mod scene;

use std::time::Duration;

use super::Error;
use super::outcome::Stop;
use super::outside::{Known, Order, Run};
use super::report::Report;
use super::request::Observer;

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
    let order = Order { layer: LAYER, only: &request.only, skip: &request.skip, total: request.total };
    let mut run = Run::begin(order, observer);
    let selected = run.select(attacks::all())?;
    let scene = Scene::new(request).await.map_err(|Stop(reason)| Error::Gateway { reason })?;
    run.started(selected.len());
    for attack in selected {
        run.attack(attack.about(), (attack.run)(&scene)).await;
    }
    Ok(run.report(&request.address, ""))
}
