//! The session's memory in everybody's hands.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "nobody else writes the memory of the context",
    attacks: &["C-12", "S-08"],
    remove: &["GRANT ALL ON ALL SEQUENCES IN SCHEMA tenantry TO {rt}"],
    restore: &["REVOKE ALL ON ALL SEQUENCES IN SCHEMA tenantry FROM {rt}"],
    one_login: false,
};
