//! The key in everybody's hands.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "nobody else reads the signing keys",
    attacks: &["C-12", "P-66"],
    remove: &["GRANT SELECT ON tenantry.signing_key TO {rt}"],
    restore: &["REVOKE SELECT ON tenantry.signing_key FROM {rt}"],
    one_login: false,
};
