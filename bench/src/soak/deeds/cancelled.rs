//! Statements that are cancelled again and again until they answer, so that some requests come late; perhaps by somebody who does not know the secret. Nobody but the
//! client that asked may feel it.

use crate::soak::exchange::{Exchange, Manner};
use crate::soak::judge::Want;
use crate::soak::speaker::Speaker;

/// Pause between two cancel requests, at most.
const EVERY_MS_MAX: u64 = 150;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let every = speaker.rng.u64(5..EVERY_MS_MAX);
    let manner = if speaker.rng.u32(..4) == 0 { Manner::ForgedCancel(every) } else { Manner::Cancel(every) };
    let sleep = Exchange::new()
        .query("SELECT pg_sleep(0.1)", [Want::Columns, Want::Value(String::new()), Want::Done("SELECT 1")])
        .ready(b'I');
    vec![sleep.in_manner(manner)]
}
