//! The proxy against a real server: first that it works, then the attacks of layers W, S and C.
//!
//! Each attack has its positive control in front, and asserts the same server process where it matters that two
//! clients shared one: otherwise it would pass by luck.

#[path = "scene.rs"]
mod scene;
#[path = "wire.rs"]
mod wire;

mod ablation;
mod base;
mod cancel;
mod context;
mod door;
mod protocol;
mod server;
mod state;
mod statements;
mod verify;
