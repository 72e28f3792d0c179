//! the end of the audit log is cut off.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "A-02",
    title: "The last entries of the audit log are gone, and nothing shows it",
    severity: High,
    meaning: "A chain whose end is cut off is a shorter chain, whole in itself. Only what stands outside the database knows that there was more.",
    method: "Takes the last entries of a chain away with the checkpoints that signed them, in a transaction that is rolled back; `audit verify` has to miss them by the checkpoints outside.",
    remedy: "Keep checkpoints outside the database, where its owner cannot write, and give them to `audit verify`.",
    run: |scene| Box::pin(tampered(scene, &[(Tampering::Truncate, "a log without its end")])),
};
