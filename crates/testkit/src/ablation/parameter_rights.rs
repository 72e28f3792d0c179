//! A guarded parameter given away.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the runtime sets no guarded parameter",
    attacks: &["P-95"],
    remove: &["GRANT SET ON PARAMETER session_replication_role TO {rt}"],
    restore: &["REVOKE SET ON PARAMETER session_replication_role FROM {rt}"],
    one_login: false,
};
