//! Temporary objects in front of the real ones.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the runtime has no TEMPORARY",
    attacks: &["P-54", "P-70", "P-75", "P-76", "S-05"],
    remove: &["GRANT TEMPORARY ON DATABASE {db} TO {rt}"],
    restore: &["REVOKE TEMPORARY ON DATABASE {db} FROM {rt}"],
    one_login: false,
};
