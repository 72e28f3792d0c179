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

/// One pass that writes every row.
pub(super) fn backfill(table: &Table) -> Estimate {
    let rows = rows(table);
    // Each row is written once more; vacuum gives most of that back on the way.
    let bytes = rows * COLUMN_BYTES + table.size.bytes / 5;
    Estimate { rows, bytes, seconds: rows as f64 / BACKFILL_ROWS_PER_SECOND }
}

/// One pass that reads every row.
pub(super) fn scan(table: &Table) -> Estimate {
    Estimate { rows: rows(table), bytes: 0, seconds: rows(table) as f64 / SCAN_ROWS_PER_SECOND }
}

/// One index.
pub(super) fn index(table: &Table) -> Estimate {
    let rows = rows(table);
    Estimate { rows, bytes: rows * INDEX_ENTRY_BYTES, seconds: rows as f64 / INDEX_ROWS_PER_SECOND }
}
