//! an entry of the audit log is changed or taken out.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "A-01",
    title: "An entry of the audit log is changed or taken out, and nothing shows it",
    severity: High,
    meaning: "Whoever owns the database can write into every table of it. A log that only its rights protect says what its owner wants.",
    method: "Changes one sealed entry, and takes one from the middle, each in a transaction that is rolled back; `audit verify` has to find both.",
    remedy: "Seal with a key that the database's owner does not have, and verify with the public one: `tenantry audit seal`, `tenantry audit verify`.",
    run: |scene| {
        Box::pin(tampered(scene, &[(Tampering::Edit, "a changed entry"), (Tampering::Delete, "an entry taken out")]))
    },
};
