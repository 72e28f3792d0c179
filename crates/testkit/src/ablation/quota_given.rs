//! Limits beside the parent's.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "a child's limit comes out of its parent's",
    attacks: &["Q-07"],
    remove: &["INSERT INTO tenantry.quota (tenant, resource, max_units, chosen, parent) SELECT md5('child')::uuid, 'notes', 50, true, id FROM public.workspace LIMIT 1"],
    restore: &["DELETE FROM tenantry.quota WHERE tenant = md5('child')::uuid"],
    one_login: false,
};
