//! The command line as a user meets it: the real binary against real servers.

mod bad_input;
mod contracts;
mod help;
mod registry_file;
mod round_trip;
mod support;
