//! P-68: functions that read pages and files.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-68",
    title: "Functions that read raw pages or files are in reach",
    severity: High,
    meaning: "pageinspect, pg_walinspect, pgrowlocks, file functions and their kin read rows below every policy.",
    method: "Asks for each such function whether a runtime login may execute it.",
    remedy: "REVOKE EXECUTE from PUBLIC and the runtime group, or drop the extension.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT p.oid::regprocedure::text, (SELECT bool_or(has_function_privilege(r.oid, p.oid, 'EXECUTE') \
               AND has_schema_privilege(r.oid, p.pronamespace, 'USAGE')) FROM pg_roles r WHERE r.rolname IN ({}))::text \
             FROM pg_proc p LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' \
             LEFT JOIN pg_extension e ON e.oid = d.refobjid \
             WHERE e.extname IN ('pageinspect', 'pg_walinspect', 'pgrowlocks', 'pgstattuple', 'pg_buffercache', 'pg_surgery', 'adminpack', 'file_fdw', 'pg_visibility', 'pg_freespacemap') \
             OR (p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN ('pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file', 'lo_import', 'lo_export', 'pg_ls_logdir', 'pg_ls_waldir', 'pg_current_logfile')) ORDER BY 1",
            stage.login_list()
        ))
        .await?;
    for row in rows {
        tally.tried();
        if row[1] == "true" {
            tally.broke(&row[0], "a runtime login can execute it");
        }
    }
    Ok(tally.finish("function", "out of the runtime's reach"))
}
