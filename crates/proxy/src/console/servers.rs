//! `SHOW SERVERS`: the connections to database servers.

use super::table::{NUMBER, TEXT, Table, moment, number, text};
use crate::observe::Seen;

pub(super) fn table(seen: Seen) -> Table {
    let mut table = Table::new(&[
        ("type", TEXT),
        ("user", TEXT),
        ("database", TEXT),
        ("state", TEXT),
        ("addr", TEXT),
        ("port", NUMBER),
        ("connect_time", TEXT),
        ("remote_pid", NUMBER),
    ]);
    let mut servers = seen.servers;
    servers.sort_by_key(|server| server.made_at);
    for server in servers {
        table.row([
            text("S"),
            text(server.user),
            text(&*server.database),
            text(if server.idle { "idle" } else { "active" }),
            text(server.host),
            number(server.port),
            moment(server.made_at),
            number(server.process),
        ]);
    }
    table
}
