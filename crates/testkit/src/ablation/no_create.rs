//! Objects of the attacker's own.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the runtime has no CREATE",
    attacks: &["P-54", "P-70", "P-75"],
    remove: &["GRANT CREATE ON SCHEMA public TO {rt}"],
    restore: &["REVOKE CREATE ON SCHEMA public FROM {rt}"],
    one_login: false,
};
