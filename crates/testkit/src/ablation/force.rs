//! Policies that do not bind the owner.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "FORCE ROW LEVEL SECURITY",
    attacks: &["P-03"],
    remove: &["ALTER TABLE public.project NO FORCE ROW LEVEL SECURITY"],
    restore: &["ALTER TABLE public.project FORCE ROW LEVEL SECURITY"],
    one_login: false,
};
