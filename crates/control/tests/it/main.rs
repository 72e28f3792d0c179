//! The control plane on a real PostgreSQL: what it does, what it refuses, and what happens without its protections.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

mod ablation;
mod alerts;
mod directory;
mod input;
mod life;
mod repeat;
mod routes;
mod scene;
mod sealed;
mod usage;
mod wall;
mod webhooks;
