//! What measures and torments poolers: peers to compare, a client that can misbehave, loads, gauges, and the soak.
//! The benchmarks of isolation itself are in `tenantry_engine::bench`; `main.rs` puts all behind one command.
//!
//! Nothing here asserts a time, and nothing is meant for a server that matters.

pub mod cache;
pub mod gateway;
pub mod gauge;
pub mod ground;
pub mod idle;
pub mod load;
pub mod noisy;
pub mod peer;
pub mod provisioning;
pub mod quota;
pub mod soak;
pub mod table;
pub mod tenants;
pub mod throughput;
pub mod validate;
pub mod wire;

use std::path::Path;

use tenantry_engine::bench::{Observer, Options};

/// Options for whoever brings its own data; `folder` is for files of the scratch database.
pub fn options(folder: &Path) -> Options {
    // a benchmark compares, it does not protect
    Options { tenants: 1, rows: 0, rounds: 1, allow_old_server: true, folder: folder.to_owned() }
}

/// Says nothing while it runs: for tests.
pub struct Silent;

impl Observer for Silent {
    fn now(&self, _: &str) {}
}
