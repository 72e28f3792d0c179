//! COPY to the client: a mode of its own in the protocol.

use crate::soak::exchange::Exchange;
use crate::soak::judge::Want;
use crate::soak::speaker::Speaker;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let token = speaker.token();
    let copy = format!("COPY ({}) TO STDOUT", speaker.select(token));
    let copied = [Want::CopyOut(speaker.rows(token)), Want::Done("COPY 10")];
    if speaker.rng.bool() {
        return vec![Exchange::new().query(&copy, copied).ready(b'I')];
    }
    // with statements before and after it in the same message
    let (before, after) = (speaker.token(), speaker.token());
    let text = format!("{}; {copy}; {}", speaker.select(before), speaker.select(after));
    let wants = speaker.selected(before).into_iter().chain(copied).chain(speaker.selected(after));
    vec![Exchange::new().query(&text, wants).ready(b'I')]
}
