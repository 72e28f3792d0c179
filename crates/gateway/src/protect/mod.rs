//! How often somebody may come, and what browsers are told.

pub(crate) mod cors;
pub(crate) mod exact;
pub(crate) mod rate;
pub(crate) mod security;
