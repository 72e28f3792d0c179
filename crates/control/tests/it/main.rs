//! The control plane on a real PostgreSQL: what it does, what it refuses, and what happens without its protections.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

mod ablation;
mod alerts;
mod application;
mod directory;
mod erasing;
mod fleet;
mod input;
mod isolated;
mod life;
mod members;
mod placing;
mod plans;
mod provider;
mod quotas;
mod repeat;
mod routes;
mod scene;
mod sealed;
mod sign_in;
mod signing;
mod support;
mod tokens;
mod usage;
mod users;
mod verify;
mod wall;
mod webhooks;
