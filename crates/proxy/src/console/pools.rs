//! `SHOW POOLS`: how many clients and server connections each database has, in PgBouncer's words.

use super::table::{NUMBER, TEXT, Table, number, text, wait};
use crate::observe::Seen;
use crate::settings::Mode;

pub(super) fn table(seen: &Seen) -> Table {
    let mut table = Table::new(&[
        ("database", TEXT),
        ("user", TEXT),
        ("cl_active", NUMBER),
        ("cl_waiting", NUMBER),
        ("sv_active", NUMBER),
        ("sv_idle", NUMBER),
        ("sv_used", NUMBER),
        ("sv_login", NUMBER),
        ("maxwait", NUMBER),
        ("maxwait_us", NUMBER),
        ("pool_mode", TEXT),
    ]);
    for (name, pool) in &seen.pools {
        let [maxwait, maxwait_us] = wait(pool.longest_wait);
        table.row([
            text(&**name),
            // clients of all logins share a database's connections
            text("*"),
            number(pool.clients - pool.waiting.min(pool.clients)),
            number(pool.waiting),
            number(pool.lent),
            number(pool.idle),
            number(0),
            number(pool.connecting),
            maxwait,
            maxwait_us,
            text(mode(pool.mode)),
        ]);
    }
    table
}

/// The mode in PgBouncer's words, which are ours too.
pub(super) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Transaction => "transaction",
        Mode::Session => "session",
    }
}
