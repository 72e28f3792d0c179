//! What isolation costs and brings, measured in one run and given as ratios.
//!
//! [`scratch()`] makes a database of its own, fills it, isolates it with the same plan and apply that any database
//! gets, measures the same queries before and after, and drops it. [`existing()`] measures an isolated database as it
//! is, with read-only queries of sampled tenants. [`context()`] measures the signed context by the call.
//!
//! Every variant of a query runs in turn, again and again, and its lower decile counts: load from elsewhere meets all
//! alike. Where the server runs on this machine its processor time counts, otherwise the time on the wall.
//!
//! Absent on purpose: a time that must be met. Ratios travel between machines, times do not.

mod clock;
mod context;
mod data;
mod error;
mod existing;
mod lane;
mod queries;
mod report;
mod scratch;

pub use clock::Clock;
pub use context::context;
pub use error::Error;
pub use existing::existing;
pub use queries::scratch;
pub use report::{Cell, Report, Series};
pub use scratch::Scratch;

use std::path::PathBuf;

/// What a run may be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Tenants of the generated data; their sizes follow Zipf's law.
    pub tenants: u32,
    /// Rows of the largest generated table.
    pub rows: u64,
    /// How often each variant is measured; the lower decile counts.
    pub rounds: u32,
    /// Work on servers below the version floor too.
    pub allow_old_server: bool,
    /// A folder for the credentials of the scratch database, removed at the end.
    pub folder: PathBuf,
}

/// Watches a run.
pub trait Observer: Send + Sync {
    /// What is being done now.
    fn now(&self, what: &str);
}
