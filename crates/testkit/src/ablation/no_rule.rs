//! A rule with its owner's rights.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "no rule with other rights",
    attacks: &["P-38"],
    remove: &["ALTER TABLE public.project OWNER TO CURRENT_USER", "CREATE RULE spy AS ON INSERT TO public.project DO ALSO NOTHING"],
    restore: &["DROP RULE spy ON public.project", "ALTER TABLE public.project OWNER TO {owner}"],
    one_login: false,
};
