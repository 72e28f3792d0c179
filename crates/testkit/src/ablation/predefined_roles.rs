//! A right over all data.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the runtime has no predefined role",
    attacks: &["P-67"],
    remove: &["GRANT pg_read_all_data TO {rt}"],
    restore: &["REVOKE pg_read_all_data FROM {rt}"],
    one_login: false,
};
