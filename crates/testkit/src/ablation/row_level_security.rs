//! Row-level security switched off.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "row-level security on a table",
    attacks: &["P-01", "P-05", "P-06", "P-08", "P-09", "P-10", "P-11", "P-13", "P-15", "P-24", "P-47", "P-53", "P-80", "P-81", "P-82", "P-83", "P-85", "P-94", "C-01", "C-02", "C-03", "C-04", "C-07", "C-08", "C-09", "C-11", "C-14", "S-01", "S-10", "S-12"],
    remove: &["ALTER TABLE public.project DISABLE ROW LEVEL SECURITY"],
    restore: &["ALTER TABLE public.project ENABLE ROW LEVEL SECURITY"],
    one_login: false,
};
