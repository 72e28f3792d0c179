//! All tenants emptied at once.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the runtime has no TRUNCATE",
    attacks: &["P-35"],
    remove: &["GRANT TRUNCATE ON public.project TO {rt}"],
    restore: &["REVOKE TRUNCATE ON public.project FROM {rt}"],
    one_login: false,
};
