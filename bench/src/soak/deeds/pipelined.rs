//! Several requests sent before the first answer is read; each gets a ReadyForQuery of its own, an error in one does
//! not touch the next.

use super::{extended, failing, simple};
use crate::soak::exchange::Exchange;
use crate::soak::speaker::Speaker;

/// Most requests under way.
const REQUESTS_MAX: usize = 6;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let mut all = Exchange::new();
    for _ in 0..speaker.rng.usize(2..=REQUESTS_MAX) {
        let part = match speaker.rng.u32(..6) {
            0 | 1 => simple::perform(speaker),
            2 => failing::perform(speaker),
            _ => extended::perform(speaker),
        };
        all = part.into_iter().fold(all, Exchange::and);
    }
    vec![all]
}
