//! The command line as a user meets it: the real binary against real servers.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

mod access;
mod audit;
mod bad_input;
mod console;
mod contracts;
mod control;
mod domains;
mod gateway;
mod help;
mod proxy;
mod quota;
mod registry_file;
mod round_trip;
mod standby;
mod support;
mod tls;
mod up;
