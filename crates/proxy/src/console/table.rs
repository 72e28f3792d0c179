//! Rows of text and numbers, as messages.

use std::time::{Duration, Instant};

use tenantry_wire::WireError;
use tenantry_wire::backend::{self, Column};

use crate::refusal::Refusal;

/// A column of text.
pub(super) const TEXT: u32 = 25;
/// A column of numbers.
pub(super) const NUMBER: u32 = 20;

/// An answer.
pub(super) struct Table {
    columns: Vec<(&'static str, u32)>,
    rows: Vec<Vec<Option<String>>>,
}

impl Table {
    pub(super) fn new(columns: &[(&'static str, u32)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().map(|cell| cell.0).collect());
    }

    /// Appends the messages, or why there are none.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        if let Err(error) = self.messages(out) {
            out.truncate(begin);
            Refusal::new("XX000", format!("tenantry: the answer cannot be written: {error}")).write(out);
        }
    }

    fn messages(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let columns: Vec<_> =
            self.columns.iter().map(|(name, type_oid)| Column { name, type_oid: *type_oid }).collect();
        backend::write_row_description(out, &columns)?;
        for row in &self.rows {
            let values: Vec<_> = row.iter().map(|cell| cell.as_deref().map(str::as_bytes)).collect();
            backend::write_data_row(out, &values)?;
        }
        backend::write_command_complete(out, "SHOW")
    }
}

/// One value.
pub(super) struct Cell(Option<String>);

/// Text.
pub(super) fn text(value: impl Into<String>) -> Cell {
    Cell(Some(value.into()))
}

/// Text or nothing.
pub(super) fn maybe(value: Option<impl ToString>) -> Cell {
    Cell(value.map(|v| v.to_string()))
}

/// A number.
pub(super) fn number(value: impl ToString) -> Cell {
    Cell(Some(value.to_string()))
}

/// A moment that was seen on the monotonic clock, as date and time.
pub(super) fn moment(at: Instant) -> Cell {
    let ago = jiff::SignedDuration::try_from(at.elapsed()).unwrap_or_default();
    text(jiff::Timestamp::now().checked_sub(ago).unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// Whole seconds, and the microseconds beyond them.
pub(super) fn wait(waited: Duration) -> [Cell; 2] {
    [number(waited.as_secs()), number(waited.subsec_micros())]
}
