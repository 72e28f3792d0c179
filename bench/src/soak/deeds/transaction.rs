//! A transaction over several round trips: reads, a write, perhaps a failure, and an end. Whoever leaves in the middle
//! leaves an open transaction behind, which must not be there for the next.

use crate::ground::NOTES_PER_TENANT;
use crate::soak::exchange::Exchange;
use crate::soak::judge::{Rows, Want};
use crate::soak::speaker::Speaker;

/// Most statements between BEGIN and the end.
const STATEMENTS_MAX: u32 = 4;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let mut unit = speaker.begin();
    // always the same note: two clients of a tenant then wait for one another, and never in a circle
    let note = speaker.rng.u32(..NOTES_PER_TENANT);
    for _ in 0..speaker.rng.u32(1..=STATEMENTS_MAX) {
        let statement = statement(speaker, note);
        unit.push(statement);
    }
    if speaker.rng.u32(..5) == 0 {
        unit.extend(failure(speaker));
    } else {
        let (text, tag) = if speaker.rng.bool() { ("COMMIT", "COMMIT") } else { ("ROLLBACK", "ROLLBACK") };
        unit.push(Exchange::new().query(text, [Want::Done(tag)]).ready(b'I'));
    }
    unit
}

fn statement(speaker: &mut Speaker, note: u32) -> Exchange {
    let token = speaker.token();
    let changed = Rows { count: 1, ..speaker.rows(token) };
    match speaker.rng.u32(..4) {
        0 => {
            let wants = [Want::Columns, Want::Rows(changed), Want::Done("UPDATE 1")];
            Exchange::new().query(&speaker.update(token, note), wants).ready(b'T')
        }
        1 => {
            let exchange = Exchange::new().parse("", &speaker.update("$1", note)).bind("", "", token);
            exchange.execute("", changed, "UPDATE 1").sync(b'T')
        }
        2 => {
            let exchange = Exchange::new().parse("", &speaker.select("$1")).bind("", "", token);
            exchange.execute("", speaker.rows(token), "SELECT 10").sync(b'T')
        }
        _ => Exchange::new().query(&speaker.select(token), speaker.selected(token)).ready(b'T'),
    }
}

/// A statement that fails, one that is refused because of it, and the end, which takes everything back.
fn failure(speaker: &mut Speaker) -> Vec<Exchange> {
    let token = speaker.token();
    let refused = |exchange: Exchange| exchange.ready(b'E');
    let end = if speaker.rng.bool() { "COMMIT" } else { "ROLLBACK" };
    vec![
        refused(Exchange::new().query(&format!("SELECT {token} / 0"), [Want::Error("22012")])),
        refused(Exchange::new().query(&speaker.select(token), [Want::Error("25P02")])),
        Exchange::new().query(end, [Want::Done("ROLLBACK")]).ready(b'I'),
    ]
}
