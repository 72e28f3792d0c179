//! Apply, complete, roll back and status on real servers, with a blueprint made by hand.

#![allow(clippy::unwrap_used)]

mod cancelled;
mod changed;
mod equal_values;
mod journal;
mod locks;
mod logins;
mod managed;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
mod there_and_back;
mod waits;
mod writers;
