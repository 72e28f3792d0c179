//! Each protection of an isolated database, with the SQL that takes it away and puts it back, and the attacks of
//! `tenantry verify` that must succeed while it is gone. A protection nobody misses is no protection, and an attack
//! nobody lets succeed proves nothing.

/// The schema and rows of a small application to try it on.
pub const SCENE: &str = include_str!("scene.sql");

/// The registry that goes with [`SCENE`].
pub const REGISTRY: &str = include_str!("scene.toml");
