//! Statements prepared by name. All clients use the same few names for texts of their own, so that a pooler that mixes
//! them up gives itself away: the number in the text is added to the token.

use crate::soak::exchange::Exchange;
use crate::soak::judge::Want;
use crate::soak::speaker::Speaker;

/// Names that every client uses.
const NAMES: [&str; 3] = ["s1", "s2", "a statement with a longer name"];
/// Largest number in a text.
const LABEL_MAX: u32 = 1_000_000;

pub(super) fn perform(speaker: &mut Speaker) -> Vec<Exchange> {
    let name = NAMES[speaker.rng.usize(..NAMES.len())];
    let Some(label) = speaker.prepared.get(name).copied() else { return vec![prepare(speaker, name)] };
    let token = speaker.token();
    match speaker.rng.u32(..20) {
        0 => {
            speaker.prepared.remove(name);
            vec![Exchange::new().close_statement(name).sync(b'I')]
        }
        1 => vec![Exchange::new().parse_as(name, &speaker.select("$1"), Want::Error("42P05")).sync(b'I')],
        2 => vec![Exchange::new().bind_as("", "never prepared", token, Want::Error("26000")).sync(b'I')],
        3 => vec![Exchange::new().describe_statement(name).sync(b'I'), run(speaker, name, label, token)],
        _ => vec![run(speaker, name, label, token)],
    }
}

fn prepare(speaker: &mut Speaker, name: &str) -> Exchange {
    let (label, token) = (speaker.rng.u32(..LABEL_MAX), speaker.token());
    speaker.prepared.insert(name.to_owned(), label);
    let text = speaker.select(format!("($1 + {label})"));
    Exchange::new().parse(name, &text).and(run(speaker, name, label, token))
}

fn run(speaker: &Speaker, name: &str, label: u32, token: u32) -> Exchange {
    Exchange::new().bind("", name, token).execute("", speaker.rows(token + label), "SELECT 10").sync(b'I')
}
