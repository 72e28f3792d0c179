//! A function of the control plane in reach.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "limits and usage of others are out of reach",
    attacks: &["Q-12"],
    remove: &["GRANT EXECUTE ON FUNCTION tenantry.quota_usage(uuid) TO {rt}"],
    restore: &["REVOKE EXECUTE ON FUNCTION tenantry.quota_usage(uuid) FROM {rt}"],
    one_login: false,
};
