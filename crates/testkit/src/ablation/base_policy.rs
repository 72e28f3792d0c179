//! Nobody is let in.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "a permissive base policy",
    attacks: &["P-07"],
    remove: &["DROP POLICY tenantry_base ON public.project"],
    restore: &["CREATE POLICY tenantry_base ON public.project USING (true) WITH CHECK (true)"],
    one_login: false,
};
