//! A context without a look at its signature.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "tokens are checked",
    attacks: &["C-05", "C-12"],
    remove: &["DO $$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.enter(text)'::regprocedure), 'tenantry.enter(', 'tenantry.enter_saved('); END $$", "CREATE OR REPLACE FUNCTION tenantry.enter(token text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$"],
    restore: &["DO $$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.enter_saved(text)'::regprocedure), 'tenantry.enter_saved(', 'tenantry.enter('); END $$", "DROP FUNCTION tenantry.enter_saved(text)"],
    one_login: false,
};
