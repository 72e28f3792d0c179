//! Removals that come from committed writes, whoever made them: the application, a job, psql.
//!
//! [`rules`] says which entries a change of a table drops (`[cache.invalidations]` in `tenantry.toml`), [`sql`] makes
//! the triggers that write down what changed, and takes them back, and [`listen`] hears of it and removes. What a
//! transaction wrote down is seen when it commits, and never if it does not.

pub mod listen;
pub mod rules;
pub mod sql;

pub use listen::Listener;
pub use rules::{Rules, RulesError};
pub use sql::Script;

/// The schema that holds what the triggers write down. Apart from schema `tenantry`, so that isolation and its way
/// back know nothing of it.
pub const SCHEMA: &str = "tenantry_cache";

/// The channel that wakes the listeners. Nothing is said on it, for every login may listen.
pub const CHANNEL: &str = "tenantry_cache";
