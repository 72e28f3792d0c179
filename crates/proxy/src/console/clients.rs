//! `SHOW CLIENTS`: who is connected, for which tenant, and what it does. Never what it says.

use std::time::Instant;

use super::table::{NUMBER, TEXT, Table, maybe, moment, number, text, wait};
use crate::client::Doing;
use crate::observe::Seen;

pub(super) fn table(seen: Seen) -> Table {
    let mut table = Table::new(&[
        ("type", TEXT),
        ("user", TEXT),
        ("database", TEXT),
        ("state", TEXT),
        ("addr", TEXT),
        ("connect_time", TEXT),
        ("wait", NUMBER),
        ("wait_us", NUMBER),
        ("ptr", TEXT),
        ("link", NUMBER),
        ("tenant", TEXT),
        ("doing", TEXT),
        ("doing_ms", NUMBER),
    ]);
    let now = Instant::now();
    let mut clients = seen.clients;
    clients.sort_by_key(|client| client.connected_at);
    for client in clients {
        let since = now.duration_since(client.since);
        let waiting = client.doing == Doing::Waiting;
        let [wait, wait_us] = wait(if waiting { since } else { Default::default() });
        let doing = match client.doing {
            Doing::Idle => "idle",
            Doing::Waiting => "waiting",
            Doing::Running => "running",
            Doing::InTransaction => "idle in transaction",
        };
        table.row([
            text("C"),
            text(client.login),
            text(&*client.database),
            text(if waiting { "waiting" } else { "active" }),
            text(client.address),
            moment(client.connected_at),
            wait,
            wait_us,
            text(format!("{:#x}", client.number)),
            maybe(client.process),
            maybe(client.tenant),
            text(doing),
            number(since.as_millis()),
        ]);
    }
    table
}
