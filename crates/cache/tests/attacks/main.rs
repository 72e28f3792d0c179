//! The cache against a real Redis: first that it works, then the attacks of layer K, and each of them once more without
//! the protection that is meant for it.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod ablation;
mod base;
mod changes;

mod failures;
mod scene;
mod server;
mod share;
