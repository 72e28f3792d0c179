//! A table made after the isolation.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "every table is registered and protected",
    attacks: &["P-05"],
    remove: &["CREATE TABLE public.invoice (id bigint PRIMARY KEY, workspace_id uuid NOT NULL REFERENCES public.workspace)", "GRANT SELECT ON public.invoice TO {rt}"],
    restore: &["DROP TABLE public.invoice"],
    one_login: false,
};
