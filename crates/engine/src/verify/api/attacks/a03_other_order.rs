//! entries change places, or come from another chain.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "A-03",
    title: "Entries of the audit log change places or chains, and nothing shows it",
    severity: Medium,
    meaning: "Where an entry's place and tenant are not part of what is hashed, what happened to one tenant can be told of another, or told in another order.",
    method: "Swaps two entries of a chain, and puts an entry of one chain in place of another's, each in a transaction that is rolled back; `audit verify` has to find both.",
    remedy: "Bind number, tenant and the entry before into each hash, as `tenantry audit seal` does.",
    run: |scene| {
        Box::pin(tampered(scene, &[(Tampering::Swap, "two entries swapped"), (Tampering::Splice, "another chain's entry")]))
    },
};
