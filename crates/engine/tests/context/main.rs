//! The signed tenant context on a real server: nothing that SQL can say changes the tenant, and every refusal
//! says what to do. `ablation.rs` takes single protections away and shows that the attack then works.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

mod ablation;
mod fixture;
mod held;
mod install;
mod kinds;
mod lifetime;
mod plans;
mod residue;
mod sql;
mod tokens;
