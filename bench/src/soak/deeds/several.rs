//! Several statements in one simple query; perhaps one in the middle fails, and what follows it is never run.

use crate::soak::exchange::Exchange;
use crate::soak::judge::Want;
use crate::soak::speaker::Speaker;

/// Most statements of a message.
const STATEMENTS_MAX: usize = 5;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let count = speaker.rng.usize(2..=STATEMENTS_MAX);
    let fails_at = (speaker.rng.u32(..4) == 0).then(|| speaker.rng.usize(..count));
    let (mut texts, mut wants) = (Vec::new(), Vec::new());
    for at in 0..count {
        let token = speaker.token();
        if fails_at == Some(at) {
            texts.push(format!("SELECT {token} / 0"));
            wants.push(Want::Error("22012"));
        } else {
            texts.push(speaker.select(token));
            wants.extend(speaker.selected(token));
        }
    }
    vec![Exchange::new().query(&texts.join("; "), wants).ready(b'I')]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::tests::speaker;

    #[test]
    fn each_message_ends_with_one_ready() {
        for seed in 0..50 {
            let [exchange] = &*perform(&mut speaker(seed)) else { panic!("one message") };
            let ready = exchange.wants.iter().filter(|w| matches!(w, Want::Ready(_))).count();
            assert_eq!((ready, exchange.wants.last()), (1, Some(&Want::Ready(b'I'))));
        }
    }
}
