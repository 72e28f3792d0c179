//! Live attacks on a running SQL proxy, from outside: as two tenants with their own logins, over its port.
//!
//! Each attack says on the wire what no driver would, and then looks who the next client is. What it refuses to do:
//! write anything, send more than a few thousand messages, wait longer than its bounds, or use any login but the two
//! it was given. Only what the database itself says of the context counts, never what the proxy says.

pub mod attacks;
mod client;
mod line;
mod scene;

use std::time::Duration;

use tokio_rustls::TlsConnector;

use super::Error;
use super::outcome::Stop;
use super::outside::{Known, Order, Run};
use super::report::Report;
use super::request::Observer;

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
    let order = Order { layer: LAYER, only: &request.only, skip: &request.skip, total: request.total };
    let mut run = Run::begin(order, observer);
    let selected = run.select(attacks::all())?;
    let scene = Scene::new(request).await.map_err(|Stop(reason)| Error::Proxy { reason })?;
    run.started(selected.len());
    for attack in selected {
        run.attack(attack.about(), (attack.run)(&scene)).await;
    }
    Ok(run.report(&request.database, &scene.server_version))
}
