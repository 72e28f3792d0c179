//! Row-level security of the tenant table switched off.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "row-level security on the tenant table",
    attacks: &["P-23"],
    remove: &["ALTER TABLE public.workspace DISABLE ROW LEVEL SECURITY"],
    restore: &["ALTER TABLE public.workspace ENABLE ROW LEVEL SECURITY"],
    one_login: false,
};
