//! A login that is a member of another.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "a login is no member of another",
    attacks: &["C-10"],
    remove: &["GRANT {slot2} TO {slot}"],
    restore: &["REVOKE {slot2} FROM {slot}"],
    one_login: false,
};
