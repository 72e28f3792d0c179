//! Rows that belong to nobody.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "a row needs a tenant",
    attacks: &["P-16"],
    remove: &[
        "ALTER TABLE public.task ALTER workspace_id DROP NOT NULL",
        "ALTER TABLE public.task DISABLE ROW LEVEL SECURITY",
    ],
    restore: &[
        "ALTER TABLE public.task ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE public.task ALTER workspace_id SET NOT NULL",
    ],
    one_login: false,
};
