//! Alerts: when what was recorded or measured adds up to something that somebody must hear of.
//!
//! - [`watch`]: counts audit entries and looks at what gateways measured, against thresholds; stateless, so that a
//!   restart forgets nothing, and one process at a time, so that nothing is said twice.
//! - [`measured`]: the numbers behind thresholds of measurements. Pure.
//! - [`mail`]: tells operators by e-mail. Webhooks hear `tenantry.alert.raised`.
//!
//! An alert rests for the time of its threshold once it was raised, and is raised again if it goes on.

pub(crate) mod http;
mod mail;
mod measured;
mod settings;
pub(crate) mod store;
mod watch;

pub use http::Alert;
pub use settings::{AlertSettings, MailSettings, MailTls, Measured, usual};

pub(crate) use mail::send;
pub(crate) use watch::round;
