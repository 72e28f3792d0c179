//! Support access: an operator looks inside a tenant, because somebody of the tenant has agreed.
//!
//! Whoever runs the platform asks, with a reason and for how long; an Admin of the tenant, a person and no key, agrees
//! or refuses; it ends by itself, or earlier. It is for the one who asked and the one tenant, and lets him look and
//! change nothing. Every request under it stands in the tenant's own log before it is answered.

pub(crate) mod http;
pub(crate) mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Longest support access, in seconds; the table's constraint says the same.
pub const SECONDS_MAX: i32 = 7 * 86_400;
/// Shortest.
pub const SECONDS_MIN: i32 = 300;
/// If nothing is said.
pub(crate) const SECONDS_DEFAULT: i32 = 3_600;
/// Requests of one tenant that wait for an answer, at most.
pub(crate) const WAITING_MAX: i64 = 20;

/// Support access that was asked for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SupportAccess {
    /// Its id.
    pub id: Uuid,
    /// Who asks.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// For how long, from the consent on.
    pub seconds: i32,
    /// `asked`, `granted`, `refused`, `ended` or `expired`.
    pub status: String,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it was agreed to, refused or ended.
    pub decided_at: Option<Timestamp>,
    /// By whom.
    pub decided_by: Option<String>,
    /// Until when it counts.
    pub expires_at: Option<Timestamp>,
}
