//! Signing keys of the tenant context: which there are in the application's database, a new one with an overlap, and
//! one taken back. Whoever has such a key can be any tenant there.
//!
//! The application's database is the only place where they are: nothing of them is kept here, and a new one is shown
//! once. A change is recorded first and made after that; where it could not be made, that is recorded too.

pub(crate) mod http;
mod keeper;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use keeper::Keeper;

/// Longest overlap of the keys before with a new one, in seconds.
pub const OVERLAP_SECONDS_MAX: u32 = 30 * 86_400;
/// If nothing is said.
const OVERLAP_SECONDS_DEFAULT: u32 = 86_400;

/// A signing key, as it is shown: never the key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningKey {
    /// Its number: 0 to 9999.
    pub kid: i16,
    /// From when on its contexts are refused; never if there is none.
    pub not_after: Option<Timestamp>,
    /// Its contexts are accepted now.
    pub counts: bool,
}
