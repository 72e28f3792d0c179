//! `SHOW STATS`: what was used since the start, in PgBouncer's words. Times are in microseconds.

use super::table::{NUMBER, TEXT, Table, number, text};
use crate::observe::Seen;

pub(super) fn table(seen: &Seen) -> Table {
    let mut table = Table::new(&[
        ("database", TEXT),
        ("total_xact_count", NUMBER),
        ("total_query_count", NUMBER),
        ("total_received", NUMBER),
        ("total_sent", NUMBER),
        ("total_xact_time", NUMBER),
        ("total_wait_time", NUMBER),
        ("total_rows", NUMBER),
        ("total_errors", NUMBER),
        ("total_server_connections", NUMBER),
    ]);
    for (name, pool) in &seen.pools {
        let used = &pool.used;
        table.row([
            text(&**name),
            number(used.transactions),
            number(used.statements),
            number(used.bytes_in),
            number(used.bytes_out),
            number(used.server_micros),
            number(used.wait_micros),
            number(used.rows),
            number(used.errors),
            number(pool.made),
        ]);
    }
    table
}
