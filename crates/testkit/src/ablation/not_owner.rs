//! The runtime owns the tables.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the runtime is no member of the owner",
    attacks: &["P-02", "P-04"],
    remove: &["GRANT {owner} TO {rt}"],
    restore: &["REVOKE {owner} FROM {rt}"],
    one_login: false,
};
