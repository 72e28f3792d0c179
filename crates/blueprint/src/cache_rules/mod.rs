//! Which cache entries a committed change of a table drops, and the triggers that tell of it.
//!
//! [`rules`] reads `[cache.invalidations]` of `tenantry.toml`, [`sql`] makes the script and its way back. Who hears of
//! the changes is `tenantry_cache::changes`. The script is no step of a blueprint: isolation's way back is the exact
//! catalog, and these rules change with the application's code.

pub mod rules;
pub mod sql;

pub use rules::{Rules, RulesError};
pub use sql::Script;

/// The schema that holds what the triggers write down. Apart from schema `tenantry`, so that isolation and its way
/// back know nothing of it.
pub const SCHEMA: &str = "tenantry_cache";

/// The channel that wakes the listeners. Nothing is said on it, for every login may listen.
pub const CHANNEL: &str = "tenantry_cache";
