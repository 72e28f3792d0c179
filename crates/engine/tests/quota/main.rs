//! Quotas on real servers: what is counted is what is there, and no number of writers at once gets past a limit.

#![allow(clippy::unwrap_used)]

mod counting;
mod fixture;
mod race;
