//! `SHOW LISTS`: how many there are of each.

use super::table::{NUMBER, TEXT, Table, number, text};
use crate::observe::{PoolSeen, Seen};

pub(super) fn table(seen: &Seen) -> Table {
    let mut table = Table::new(&[("list", TEXT), ("items", NUMBER)]);
    let sum = |count: fn(&PoolSeen) -> usize| seen.pools.values().map(count).sum::<usize>();
    for (name, count) in [
        ("databases", seen.pools.len()),
        ("workers", seen.workers),
        ("used_clients", sum(|p| p.clients)),
        ("waiting_clients", sum(|p| p.waiting)),
        ("used_servers", sum(|p| p.lent)),
        ("free_servers", sum(|p| p.idle)),
        ("tenants", sum(|p| p.directory.load().map_or(0, |list| list.len()))),
    ] {
        table.row([text(name), number(count)]);
    }
    table
}
