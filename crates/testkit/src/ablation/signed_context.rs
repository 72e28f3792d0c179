//! The tenant read from a setting that anybody writes.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the context is signed",
    attacks: &["C-01", "C-02", "C-03", "C-07"],
    remove: &["DO $$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.tenant_id()'::regprocedure), 'tenantry.tenant_id(', 'tenantry.tenant_id_saved('); END $$", "CREATE OR REPLACE FUNCTION tenantry.tenant_id() RETURNS uuid LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$ BEGIN IF current_setting('app.tenant_id', true) <> '' THEN RETURN current_setting('app.tenant_id', true)::uuid; END IF; RETURN tenantry.tenant_id_saved(); END $$"],
    restore: &["DO $$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.tenant_id_saved()'::regprocedure), 'tenantry.tenant_id_saved(', 'tenantry.tenant_id('); END $$", "DROP FUNCTION tenantry.tenant_id_saved()"],
    one_login: false,
};
