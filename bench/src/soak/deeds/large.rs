//! Rows that fit no buffer, read at once or with pauses: the pooler must hold back the server, not pile them up.

use crate::soak::exchange::{Exchange, Manner};
use crate::soak::judge::{Rows, Want};
use crate::soak::speaker::Speaker;

/// Sizes of a row; a tenant has ten.
const ROW_BYTES: [usize; 5] = [5_000, 16_379, 16_384, 100_000, 1_000_000];

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let token = speaker.token();
    // the largest rarely: many at once would measure the loopback
    let at = speaker.rng.usize(..ROW_BYTES.len()).min(speaker.rng.usize(..ROW_BYTES.len()));
    let filler = ROW_BYTES[at];
    let rows = Rows { filler: Some(filler), ..speaker.rows(token) };
    let wants = [Want::Columns, Want::Rows(rows), Want::Done("SELECT 10")];
    let manner = if speaker.rng.u32(..3) == 0 { Manner::Slowly } else { Manner::Plain };
    vec![Exchange::new().query(&speaker.select_large(token, filler), wants).ready(b'I').in_manner(manner)]
}
