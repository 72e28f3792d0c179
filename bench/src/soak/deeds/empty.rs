//! A query without a statement, and a Sync without anything.

use crate::soak::exchange::Exchange;
use crate::soak::judge::Want;
use crate::soak::speaker::Speaker;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let empty = || Exchange::new().query("", [Want::Empty]).ready(b'I');
    vec![if speaker.rng.bool() { empty() } else { Exchange::new().sync(b'I').and(empty()) }]
}
