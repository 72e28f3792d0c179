//! A table that was forgotten.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "a guard on every counted table",
    attacks: &["Q-02"],
    remove: &["ALTER TABLE public.note DISABLE TRIGGER tenantry_quota_notes_insert"],
    restore: &["ALTER TABLE public.note ENABLE TRIGGER tenantry_quota_notes_insert"],
    one_login: false,
};
