//! A view with its owner's rights.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "views run with the reader's rights",
    attacks: &["P-27"],
    remove: &["ALTER VIEW public.open_task SET (security_invoker = false)", "ALTER VIEW public.open_task OWNER TO CURRENT_USER"],
    restore: &["ALTER VIEW public.open_task SET (security_invoker = true)", "ALTER VIEW public.open_task OWNER TO {owner}"],
    one_login: false,
};
