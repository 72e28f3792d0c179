//! One statement in one simple query.

use crate::soak::exchange::Exchange;
use crate::soak::speaker::Speaker;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let token = speaker.token();
    vec![Exchange::new().query(&speaker.select(token), speaker.selected(token)).ready(b'I')]
}
