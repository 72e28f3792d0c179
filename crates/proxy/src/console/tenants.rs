//! `SHOW TENANTS`: those that hold or used something, those that use most first. No keys, no verifiers.

use super::table::{NUMBER, TEXT, Table, number, text};
use crate::observe::key_text;
use crate::worker::Worker;

/// As many are shown.
const SHOWN_MAX: usize = 1_000;

pub(super) fn table(worker: &Worker) -> Table {
    let mut table = Table::new(&[
        ("database", TEXT),
        ("tenant", TEXT),
        ("key", TEXT),
        ("plan", TEXT),
        ("state", TEXT),
        ("connections", NUMBER),
        ("total_xact_count", NUMBER),
        ("total_query_count", NUMBER),
        ("total_rows", NUMBER),
        ("total_server_time", NUMBER),
        ("total_wait_time", NUMBER),
        ("total_errors", NUMBER),
        ("total_refused", NUMBER),
    ]);
    let mut rows = Vec::new();
    for pool in worker.pools().iter().filter(|pool| pool.signer.is_some()) {
        pool.database.directory.each(|tenant| {
            let used = tenant.usage().snapshot();
            let facts = tenant.facts();
            let key = key_text(tenant.key());
            rows.push((
                used.server_micros,
                [
                    text(&*pool.database.name),
                    text(facts.slug.as_deref().unwrap_or(&key)),
                    text(&*key),
                    text(&*facts.plan),
                    text(format!("{:?}", tenant.state()).to_lowercase()),
                    number(tenant.occupancy().connections()),
                    number(used.transactions),
                    number(used.statements),
                    number(used.rows),
                    number(used.server_micros),
                    number(used.wait_micros),
                    number(used.errors),
                    number(used.refused),
                ],
            ));
        });
    }
    rows.sort_by_key(|(micros, _)| std::cmp::Reverse(*micros));
    rows.truncate(SHOWN_MAX);
    rows.into_iter().for_each(|(_, row)| table.row(row));
    table
}
