//! The signed tenant context on a real server: nothing that SQL can say changes the tenant, and every refusal
//! says what to do. `ablation.rs` takes single protections away and shows that the attack then works.

mod ablation;
mod fixture;
mod install;
mod kinds;
mod lifetime;
mod plans;
mod sql;
mod tokens;
