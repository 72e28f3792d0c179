//! What operators decide: which tenants there are, and who may do what; with a record of every change.
//!
//! `Actor → Granted → Change → store`: each can only be made from the one before, so nothing is read or written that
//! nobody was allowed to, and nothing is changed without an audit entry. One folder a subject: `mod.rs` (rules),
//! `store.rs` (SQL, private to its subject), `http.rs`.
//!
//! The database is the wall here too: the API's login owns nothing, and sees one tenant in a transaction unless a
//! permission of the platform was granted. Absent on purpose: this crate knows neither gateway, proxy nor edge, reads
//! no environment and no file.

#[cfg_attr(not(feature = "ablation"), allow(dead_code, reason = "only tests take protections away"))]
pub mod ablation;
pub mod access;
pub mod alerts;
pub mod audit;
mod change;
mod control;
mod databases;
mod db;
mod directory;
mod erasing;
mod error;
mod fleet;
mod http;
mod ids;
mod members;
mod outbox;
mod placing;
mod plans;
mod quotas;
mod secret;
mod sign_in;
mod signing;
mod support;
mod tasks;
mod tenants;
pub mod usage;
mod users;
mod webhooks;
mod work;

pub use control::{Control, Settings};
pub use databases::{Database, Strategy, WARM_MAX};
pub use db::{CONNECTIONS_DEFAULT, Sql};
pub use directory::Published;
pub use error::{Code, Error, FieldError};
pub use http::{BODY_BYTES_MAX, OF_PLATFORM, Problem, ROUTES, openapi};
pub use ids::TenantId;
pub use members::{Invitation, MEMBERS_MAX, Membership};
pub use plans::{Grace, Limits, Plan, UNITS_MAX};
pub use quotas::AGE_MAX as VALIDATION_AGE_MAX;
pub use secret::{SECRET_BYTES, Secret};
pub use sign_in::{Mode, SignIn};
pub use signing::{OVERLAP_SECONDS_MAX as SIGNING_OVERLAP_SECONDS_MAX, SigningKey};
pub use support::{SECONDS_MAX as SUPPORT_SECONDS_MAX, SECONDS_MIN as SUPPORT_SECONDS_MIN, SupportAccess};
pub use tenants::{Contact, DEPTH_MAX, GRACE_DAYS, SLUG_REST_DAYS, Subscription, Tenant};
pub use usage::SampledTable;
pub use users::User;
pub use webhooks::WebhookSettings;
pub use webhooks::http::{Delivery, Webhook};
pub use work::Application;
#[cfg(feature = "ablation")]
pub use work::moment::Mortal;
