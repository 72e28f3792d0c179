//! Live attacks on an isolated database, with the application's own credentials.
mod report;
pub use report::{Check, FORMAT, Report, Severity, Status, TableLine};
