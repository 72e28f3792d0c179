//! The gateway against a real small application: first that it works, then the attacks of layer H.
//!
//! Each attack has its positive control in front. What counts is what the application received, never only the answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

mod application;
mod redis;
mod scene;

mod ablation;
mod base;
mod cluster;
mod corpora;
mod credentials;
mod frames;
mod hosts;
mod issuers;
mod kept;
mod limits;
mod names;
mod smuggling;
mod streams;
mod tls;
mod traces;
mod upstreams;
mod webhooks;
