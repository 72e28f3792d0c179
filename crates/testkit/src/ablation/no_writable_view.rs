//! A view through which hidden rows are written.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "no writable view with other rights",
    attacks: &["P-48"],
    remove: &["CREATE VIEW public.door AS SELECT id, workspace_id, name FROM public.project", "GRANT SELECT, INSERT, UPDATE ON public.door TO {rt}"],
    restore: &["DROP VIEW public.door"],
    one_login: false,
};
