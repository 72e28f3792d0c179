//! What measures and torments poolers: peers to compare, a client that can misbehave, loads, gauges, and the soak.
//! The benchmarks of isolation itself are in `tenantry_engine::bench`; `main.rs` puts all behind one command.
//!
//! Nothing here asserts a time, and nothing is meant for a server that matters.

pub mod gauge;
pub mod ground;
pub mod idle;
pub mod load;
pub mod noisy;
pub mod peer;
pub mod soak;
pub mod table;
pub mod tenants;
pub mod throughput;
pub mod wire;
