//! The control plane on a real PostgreSQL: what it does, what it refuses, and what happens without its protections.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod ablation;
mod input;
mod life;
mod repeat;
mod routes;
mod scene;
mod sealed;
mod wall;
