//! A setting that the server reports: each client keeps its own, whichever server connection it gets.

use crate::soak::exchange::Exchange;
use crate::soak::judge::Want;
use crate::soak::speaker::{Speaker, ZONES};

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let show = |zone: &str| {
        Exchange::new()
            .query("SHOW TimeZone", [Want::Columns, Want::Value(zone.to_owned()), Want::Done("SHOW")])
            .ready(b'I')
    };
    if speaker.rng.u32(..3) > 0 {
        return vec![show(speaker.zone)];
    }
    speaker.zone = ZONES[speaker.rng.usize(..ZONES.len())];
    let set = format!("SET TimeZone = '{}'", speaker.zone);
    vec![Exchange::new().query(&set, [Want::Done("SET")]).ready(b'I'), show(speaker.zone)]
}
