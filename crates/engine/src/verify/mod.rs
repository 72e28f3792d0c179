//! Live attacks on an isolated database, with the application's own credentials.
//!
//! [`run`] takes the blueprint from the journal, picks two tenants, gets itself runtime logins and a signing
//! key, and then makes one attack after the other ([`attacks`], one a file). Each attack first shows that
//! tenant A *can* do the thing to its own row; a denial without that proves nothing, and the check is
//! `skipped` with the reason.
//!
//! What it refuses to do: commit anything but its own temporary logins and key (removed at the end, or by the
//! next run if this one was killed), wait for locks, run longer than its budget, or put a customer's value
//! into a report.

pub mod api;
pub mod attacks;
mod cleanup;
mod error;
pub mod gateway;
mod logins;
mod outcome;
mod outside;
pub mod pages;
pub mod proxy;
mod report;
mod request;
mod runner;
mod session;
mod stage;
mod subject;
mod tally;
mod tenants;
mod unprotected;

pub use error::Error;
pub use outcome::Attack;
pub use report::{Check, FORMAT, Report, Severity, Status, TableLine};
pub use request::{Event, Limits, Logins, Observer, Quiet, Request};
pub use runner::run;
