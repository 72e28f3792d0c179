//! Passwords of the runtime logins and the first signing key: made by the engine, last of all, so that nobody gets in
//! before every policy stands.

use super::database;
use crate::file::{Phase, Run, Step};
use crate::plan::design::Design;

pub(super) fn steps(_: &Design<'_>) -> Vec<Step> {
    let mut step = database(Phase::Apply, "Make the passwords of the runtime logins and the first signing key");
    step.run = Run::Credentials;
    vec![step]
}
