//! A limit that is counted before the row.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "the charge and its bound are one statement",
    attacks: &["Q-01"],
    remove: &["ALTER FUNCTION tenantry.quota_charge(text, uuid, date, numeric) RENAME TO quota_charge_saved", "CREATE FUNCTION tenantry.quota_charge(p_resource text, p_tenant uuid, p_period date, p_units numeric) RETURNS void LANGUAGE plpgsql AS $do$ BEGIN IF (SELECT count(*) FROM public.note n WHERE n.workspace_id = p_tenant AND n.deleted_at IS NULL) > 10 THEN RAISE EXCEPTION 'full' USING ERRCODE = '53400'; END IF; END $do$"],
    restore: &["DROP FUNCTION tenantry.quota_charge(text, uuid, date, numeric)", "ALTER FUNCTION tenantry.quota_charge_saved(text, uuid, date, numeric) RENAME TO quota_charge"],
    one_login: false,
};
