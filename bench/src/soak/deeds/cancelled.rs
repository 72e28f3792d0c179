//! Statements that are cancelled, perhaps too late, perhaps by somebody who does not know the secret. Nobody but the
//! client that asked may feel it.

use crate::soak::exchange::{Exchange, Manner};
use crate::soak::judge::Want;
use crate::soak::speaker::Speaker;

/// A cancel request comes at most so late.
const CANCEL_AFTER_MS_MAX: u64 = 150;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let after = speaker.rng.u64(..CANCEL_AFTER_MS_MAX);
    let manner = if speaker.rng.u32(..4) == 0 { Manner::ForgedCancel } else { Manner::Cancel(after) };
    let sleep = Exchange::new()
        .query("SELECT pg_sleep(0.1)", [Want::Columns, Want::Value(String::new()), Want::Done("SELECT 1")])
        .ready(b'I');
    vec![sleep.in_manner(manner)]
}
