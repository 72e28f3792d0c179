//! A sequence that a tenant can set.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the runtime sets no sequence",
    attacks: &["P-51"],
    remove: &["GRANT UPDATE ON SEQUENCE public.project_id_seq TO {rt}"],
    restore: &["REVOKE UPDATE ON SEQUENCE public.project_id_seq FROM {rt}"],
    one_login: false,
};
