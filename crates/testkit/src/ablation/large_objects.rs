//! A large object that all tenants read.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "large objects are out of reach",
    attacks: &["P-69"],
    remove: &["SELECT lo_create(424242)", "GRANT SELECT ON LARGE OBJECT 424242 TO {rt}"],
    restore: &["SELECT lo_unlink(424242)"],
    one_login: false,
};
