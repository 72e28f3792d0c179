//! A foreign key that asks.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the runtime has no REFERENCES",
    attacks: &["P-36"],
    remove: &["GRANT REFERENCES ON public.project TO {rt}"],
    restore: &["REVOKE REFERENCES ON public.project FROM {rt}"],
    one_login: false,
};
