//! A Flush asks for the answer before the Sync: the pooler must pass it on, and keep the server connection.

use super::extended;
use crate::soak::exchange::Exchange;
use crate::soak::speaker::Speaker;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    vec![extended::piece(speaker, "p1").flush(), extended::piece(speaker, "p2").flush(), Exchange::new().sync(b'I')]
}
