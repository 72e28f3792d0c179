//! Webhooks: events for endpoints that operators and tenants name, in the form of Standard Webhooks and CloudEvents.
//!
//! ```text
//! change + event (one transaction) → outbox → distribute: a delivery for each endpoint that wants it
//!                                           → deliver: signed POST, again with growing pauses, at last dead
//! ```
//!
//! - [`http::Webhook`]: an endpoint; [`address`]: which addresses one may have; [`wanted`]: which events it asks for.
//! - [`secret`]: what it checks us by, made from the control plane's own secret, and how.
//! - [`schedule`]: when a delivery that failed is tried again. Pure.
//! - [`queue`] and [`deliver`]: the work, one round at a time; several control planes share it.
//!
//! Every event arrives at least once, in order as far as that is possible: one that fails holds back those after it for
//! its first tries, and is overtaken after that. An answer's body is never kept or shown: it would make a reader of our
//! networks out of whoever names an address.

mod address;
mod deliver;
pub(crate) mod http;
mod message;
pub(crate) mod queue;
mod schedule;
mod secret;
mod settings;
pub(crate) mod store;
mod wanted;

pub(crate) use deliver::{forget, round};
pub(crate) use message::Message;
pub use settings::WebhookSettings;

/// Endpoints of one tenant, and of the platform.
pub(crate) const WEBHOOKS_MAX: i64 = 20;
