//! A partition without row-level security.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "each partition has row-level security",
    attacks: &["P-05", "P-57", "P-71", "P-81"],
    remove: &["ALTER TABLE public.event_2024 DISABLE ROW LEVEL SECURITY", "GRANT SELECT ON public.event_2024 TO {rt}"],
    restore: &["REVOKE SELECT ON public.event_2024 FROM {rt}", "ALTER TABLE public.event_2024 ENABLE ROW LEVEL SECURITY"],
    one_login: false,
};
