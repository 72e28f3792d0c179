//! Decides how a schema becomes isolated: `Catalog` in, `Classification` and `Blueprint` out.
//!
//! Pure and deterministic: the same catalog and registry give the same blueprint to the last byte.
//! Nothing here opens a connection, reads a clock, a file or the environment.

pub mod cache_rules;
pub mod catalog;
pub mod classify;
pub mod context;
pub mod ddl;
pub mod drift;
pub mod file;
pub mod hazards;
pub mod plan;
pub mod quota;
pub mod registry;
mod steps;
pub mod survey;
