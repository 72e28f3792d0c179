//! A job queue, an outbox, a cache by the look of its columns: worked off by the application, read by no tenant.

use super::{Case, Evidence};
use crate::classify::Class;

const TRIES: &[&str] =
    &["attempt", "attemptcount", "attemptsmade", "maxattempt", "retrycount", "retry", "retriesleft", "numattempt"];
const WHEN: &[&str] = &[
    "runat",
    "scheduledat",
    "scheduledfor",
    "availableat",
    "lockedat",
    "lockeduntil",
    "nextrunat",
    "reservedat",
    "processedat",
    "succeededat",
    "failedat",
];
const NAMES: &[&str] = &[
    "job",
    "queue",
    "outbox",
    "cache",
    "lock",
    "mutex",
    "lease",
    "cron",
    "heartbeat",
    "worker",
    "scheduler",
    "checkpoint",
];

pub(super) fn judge(case: &Case<'_>) -> Option<Evidence> {
    let towards_tenant = case
        .references()
        .iter()
        .any(|r| r.target != case.table && case.class_of(r.target).is_some_and(Class::is_scoped));
    if towards_tenant || case.facts.people[case.table] {
        return None;
    }
    let worked_off = case.facts.has_column(case.table, TRIES) && case.facts.has_column(case.table, WHEN);
    let named = case.facts.has_word(case.table, NAMES) && case.references().iter().all(|r| r.target == case.table);
    match (worked_off, named) {
        (true, _) => {
            Some(Evidence::new(Class::System, 0.74, "a job queue, by its columns; nothing in it leads to a tenant"))
        }
        (_, true) => Some(Evidence::new(
            Class::System,
            0.66,
            "a queue, cache or lock, by its name; nothing in it leads to a tenant",
        )),
        _ => None,
    }
}
