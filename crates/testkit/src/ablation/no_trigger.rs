//! A trigger of one tenant in the writes of all.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the runtime has no TRIGGER",
    attacks: &["P-34"],
    remove: &["GRANT TRIGGER ON public.project TO {rt}"],
    restore: &["REVOKE TRIGGER ON public.project FROM {rt}"],
    one_login: false,
};
