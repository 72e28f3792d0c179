//! A booking that all tenants see.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "exclusion constraints hold the tenant",
    attacks: &["P-49"],
    remove: &["ALTER TABLE public.project ADD CONSTRAINT project_apart EXCLUDE USING gist (int8range(id, id, '[]') WITH &&)"],
    restore: &["ALTER TABLE public.project DROP CONSTRAINT project_apart"],
    one_login: false,
};
