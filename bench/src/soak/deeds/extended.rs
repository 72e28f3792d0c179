//! Parse, Bind, Execute of an unnamed statement, described or not, in one go or portal by portal in pieces.

use crate::ground::NOTES_PER_TENANT;
use crate::soak::exchange::Exchange;
use crate::soak::judge::Rows;
use crate::soak::speaker::Speaker;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    vec![piece(speaker, "").sync(b'I')]
}

/// Everything but the Sync.
pub(super) fn piece(speaker: &mut Speaker, portal: &str) -> Exchange {
    let token = speaker.token();
    let rows = speaker.rows(token);
    let mut exchange = Exchange::new().parse("", &speaker.select("$1"));
    if speaker.rng.u32(..4) == 0 {
        exchange = exchange.describe_statement("");
    }
    exchange = exchange.bind(portal, "", token);
    if speaker.rng.bool() {
        exchange = exchange.describe_portal(portal);
    }
    let some = speaker.rng.u32(..NOTES_PER_TENANT);
    if some == 0 {
        return exchange.execute(portal, rows, "SELECT 10");
    }
    exchange.execute_some(portal, Rows { count: some, ..rows }).execute(
        portal,
        Rows { count: NOTES_PER_TENANT - some, ..rows },
        "SELECT",
    )
}
