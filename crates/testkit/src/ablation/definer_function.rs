//! A function with its owner's rights.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "no SECURITY DEFINER function in reach",
    attacks: &["P-31", "P-32"],
    remove: &["ALTER FUNCTION public.count_projects() SECURITY DEFINER"],
    restore: &["ALTER FUNCTION public.count_projects() SECURITY INVOKER"],
    one_login: false,
};
