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
    "scheduled",
    "checkpoint",
    "ratelimit",
    "throttle",
    "counter",
    "sequence",
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
    let part = case
        .references()
        .iter()
        .any(|r| r.target != case.table && !r.nullable && case.class_of(r.target) == Some(Class::System));
    if part && case.references().iter().all(|r| case.class_of(r.target).is_some_and(|c| !c.is_scoped())) {
        return Some(Evidence::new(Class::System, 0.7, "part of what a framework keeps for itself"));
    }
    let rate_limit = case.facts.has_word(case.table, &["rate"]) && case.facts.has_word(case.table, &["limit"]);
    let named = rate_limit
        || case.facts.has_word(case.table, NAMES) && case.references().iter().all(|r| r.target == case.table);
    match (worked_off, named) {
        (true, _) => {
            Some(Evidence::new(Class::System, 0.74, "a job queue, by its columns; nothing in it leads to a tenant"))
        }
        (_, true) => Some(Evidence::new(
            Class::System,
            0.82,
            "a queue, cache or lock, by its name; nothing in it leads to a tenant",
        )),
        _ => None,
    }
}
