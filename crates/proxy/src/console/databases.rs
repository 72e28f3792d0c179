//! `SHOW DATABASES`: what is served, and from where.

use super::pools::mode;
use super::table::{NUMBER, TEXT, Table, number, text};
use crate::observe::Seen;

pub(super) fn table(seen: &Seen) -> Table {
    let mut table = Table::new(&[
        ("name", TEXT),
        ("host", TEXT),
        ("port", NUMBER),
        ("database", TEXT),
        ("pool_size", NUMBER),
        ("pool_mode", TEXT),
        ("max_connections", NUMBER),
        ("current_connections", NUMBER),
        ("paused", NUMBER),
        ("isolated", NUMBER),
    ]);
    for (name, pool) in &seen.pools {
        table.row([
            text(&**name),
            text(&*pool.host),
            number(pool.port),
            text(&*pool.server_name),
            number(pool.size),
            text(mode(pool.mode)),
            number(pool.size),
            number(pool.idle + pool.lent),
            number(u8::from(pool.paused)),
            number(u8::from(pool.isolated)),
        ]);
    }
    table
}
