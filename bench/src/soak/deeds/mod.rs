//! What a client does next, one deed a file. A deed is pure: it takes the speaker and gives the exchanges that make it
//! up. It says what the answer must be as it writes the request.

mod cancelled;
mod copy_out;
mod empty;
mod extended;
mod failing;
mod flushed;
mod large;
mod named;
mod pipelined;
mod settings;
mod several;
mod simple;
mod transaction;

use super::exchange::Exchange;
use super::speaker::{Speaker, Way};

/// What a deed needs of the way and the pooler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nothing: it names the tenant itself.
    Nothing,
    /// The tenant is known without a transaction.
    Tenant,
    /// And prepared statements outlast a transaction.
    Names,
}

/// One kind of deed.
pub struct Deed {
    /// Its name in reports.
    pub name: &'static str,
    weight: u32,
    needs: Needs,
    perform: fn(&mut Speaker) -> Vec<Exchange>,
}

const fn deed(name: &'static str, weight: u32, needs: Needs, perform: fn(&mut Speaker) -> Vec<Exchange>) -> Deed {
    Deed { name, weight, needs, perform }
}

/// All of them, with how often each is done.
pub const DEEDS: &[Deed] = &[
    deed("simple", 20, Needs::Tenant, simple::perform),
    deed("several", 8, Needs::Tenant, several::perform),
    deed("extended", 20, Needs::Tenant, extended::perform),
    deed("named", 20, Needs::Names, named::perform),
    deed("pipelined", 8, Needs::Tenant, pipelined::perform),
    deed("flushed", 4, Needs::Tenant, flushed::perform),
    deed("transaction", 15, Needs::Nothing, transaction::perform),
    deed("copy out", 6, Needs::Tenant, copy_out::perform),
    deed("large", 4, Needs::Tenant, large::perform),
    deed("failing", 6, Needs::Tenant, failing::perform),
    deed("settings", 5, Needs::Tenant, settings::perform),
    deed("empty", 2, Needs::Tenant, empty::perform),
    deed("cancelled", 3, Needs::Tenant, cancelled::perform),
];

/// Their names, for the command line.
pub(super) fn names() -> Vec<&'static str> {
    DEEDS.iter().map(|deed| deed.name).collect()
}

/// Chooses a deed that this speaker can do. `names`: prepared statements outlast a transaction. `only` these, if there
/// are any that it can do.
pub fn choose(speaker: &mut Speaker, names: bool, only: &[String]) -> (&'static str, Vec<Exchange>) {
    let fits = |deed: &&Deed| match deed.needs {
        Needs::Nothing => true,
        Needs::Tenant => !matches!(speaker.way, Way::Transaction(_)),
        Needs::Names => names && !matches!(speaker.way, Way::Transaction(_)),
    };
    let mut possible: Vec<&Deed> = DEEDS.iter().filter(fits).collect();
    if possible.iter().any(|deed| only.iter().any(|name| name == deed.name)) {
        possible.retain(|deed| only.iter().any(|name| name == deed.name));
    }
    let all: u32 = possible.iter().map(|d| d.weight).sum();
    let mut dice = speaker.rng.u32(..all);
    for deed in possible {
        if dice < deed.weight {
            return (deed.name, (deed.perform)(speaker));
        }
        dice -= deed.weight;
    }
    ("empty", empty::perform(speaker))
}
