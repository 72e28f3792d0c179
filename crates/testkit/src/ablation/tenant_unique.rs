//! A value that only one tenant may have.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "unique constraints hold the tenant",
    attacks: &["P-45", "P-46"],
    remove: &["DROP INDEX public.member_email_key_tenantry", "CREATE UNIQUE INDEX member_email_key_tenantry ON public.member (email)"],
    restore: &["DROP INDEX public.member_email_key_tenantry", "CREATE UNIQUE INDEX member_email_key_tenantry ON public.member (workspace_id, email)"],
    one_login: false,
};
