//! A copy of everybody's rows.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "materialized views are out of reach",
    attacks: &["P-30"],
    remove: &["GRANT SELECT ON public.task_count TO {rt}"],
    restore: &["REVOKE SELECT ON public.task_count FROM {rt}"],
    one_login: false,
};
