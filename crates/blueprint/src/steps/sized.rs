//! Estimates from the size of a table, with the rates that `bench/` measures on two cores.

use crate::catalog::Table;
use crate::file::Estimate;

/// Rows a batch backfill writes per second.
const BACKFILL_ROWS_PER_SECOND: f64 = 28_000.0;
/// Rows a check of existing rows reads per second.
const SCAN_ROWS_PER_SECOND: f64 = 1_500_000.0;
/// Rows an index takes up per second, built with writers going on.
const INDEX_ROWS_PER_SECOND: f64 = 350_000.0;
/// Bytes of one index entry with a tenant and one more column.
const INDEX_ENTRY_BYTES: i64 = 48;
/// Bytes that a new column adds to a row.
const COLUMN_BYTES: i64 = 16;

fn rows(table: &Table) -> i64 {
    table.size.rows.max(0)
}

/// To the hundredth: more would pretend to know, and a number of many digits does not survive its JSON form.
fn seconds(rows: i64, rate: f64) -> f64 {
    (rows as f64 / rate * 100.0).round() / 100.0
}

/// One pass that writes every row.
pub(super) fn backfill(table: &Table) -> Estimate {
    let rows = rows(table);
    // Each row is written once more; vacuum gives most of that back on the way.
    let bytes = rows * COLUMN_BYTES + table.size.bytes / 5;
    Estimate { rows, bytes, seconds: seconds(rows, BACKFILL_ROWS_PER_SECOND) }
}

/// One pass that reads every row.
pub(super) fn scan(table: &Table) -> Estimate {
    Estimate { rows: rows(table), bytes: 0, seconds: seconds(rows(table), SCAN_ROWS_PER_SECOND) }
}

/// One index.
pub(super) fn index(table: &Table) -> Estimate {
    let rows = rows(table);
    Estimate { rows, bytes: rows * INDEX_ENTRY_BYTES, seconds: seconds(rows, INDEX_ROWS_PER_SECOND) }
}

/// Several relations, one after the other.
pub(super) fn sum(parts: impl Iterator<Item = Estimate>) -> Estimate {
    let whole = parts.reduce(|a, b| Estimate {
        rows: a.rows + b.rows,
        bytes: a.bytes + b.bytes,
        seconds: ((a.seconds + b.seconds) * 100.0).round() / 100.0,
    });
    whole.unwrap_or_default()
}
