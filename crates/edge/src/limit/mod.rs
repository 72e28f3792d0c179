//! How much a tenant holds at once, and how much of a pool it may hold by default.

mod occupancy;
mod share;

pub use occupancy::{ConnectionGuard, Held, Occupancy, OverLimit, RequestGuard, StatementGuard};
pub use share::{Demand, HEADROOM_MAX, fair_share, headroom};
