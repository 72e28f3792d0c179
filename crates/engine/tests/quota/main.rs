//! Quotas on real servers: what is counted is what is there, and no number of writers at once gets past a limit.

#![allow(clippy::unwrap_used)]

mod counting;
mod fixture;
mod hierarchy;
mod limits;
mod race;
mod reservations;
mod rights;
mod upkeep;
