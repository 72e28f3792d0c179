//! `SHOW VERSION`.

use super::table::{TEXT, Table, text};

pub(super) fn table() -> Table {
    let mut table = Table::new(&[("version", TEXT)]);
    table.row([text(concat!("tenantry ", env!("CARGO_PKG_VERSION")))]);
    table
}
