//! A held context that a rollback does not end.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "a rollback ends what it held",
    attacks: &["S-01"],
    remove: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.tenant_id()'::regprocedure), $cut$('held' OPERATOR(pg_catalog.||) pg_catalog.currval('tenantry.m_xact')::pg_catalog.text)$cut$, $cut$(pg_catalog.current_setting('tenantry.context', true))$cut$); END $do$"],
    restore: &["DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('tenantry.tenant_id()'::regprocedure), $cut$(pg_catalog.current_setting('tenantry.context', true))$cut$, $cut$('held' OPERATOR(pg_catalog.||) pg_catalog.currval('tenantry.m_xact')::pg_catalog.text)$cut$); END $do$"],
    one_login: false,
};
