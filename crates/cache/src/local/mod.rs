//! The first level: what this process remembers, a space of its own for each tenant.
//!
//! [`shares`] says how many bytes each space may hold, [`space`] holds them, [`flight`] lets one caller load for all who
//! wait for the same entry. An entry cannot be found from another tenant's space, whatever its key says.

pub(crate) mod flight;
pub(crate) mod shares;
pub(crate) mod space;
