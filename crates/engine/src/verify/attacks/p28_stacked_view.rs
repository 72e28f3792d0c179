//! P-28: an honest view on a dishonest one.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-28",
    title: "A view that looks safe reads one that is not",
    severity: High,
    meaning: "A security_invoker view on top of a view that runs as its owner, or of a SECURITY DEFINER function, shows what the lower one shows.",
    method: "Walks what every readable view depends on, through any number of views, down to views that are not security_invoker and to SECURITY DEFINER functions.",
    remedy: "Make the lower view security_invoker too, or let the definer function check the tenant.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "WITH RECURSIVE d(top, oid) AS ( \
               SELECT c.oid, c.oid FROM pg_class c WHERE c.relkind = 'v' \
               AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'tenantry') AND {} \
               UNION SELECT d.top, p.refobjid FROM d JOIN pg_rewrite w ON w.ev_class = d.oid \
               JOIN pg_depend p ON p.classid = 'pg_rewrite'::regclass AND p.objid = w.oid \
               AND p.refclassid = 'pg_class'::regclass AND p.refobjid <> d.oid) \
             SELECT d.top::regclass::text, \
               string_agg(DISTINCT v.oid::regclass::text, ', ') FILTER (WHERE v.oid <> d.top AND v.relkind = 'v' \
                 AND NOT coalesce(v.reloptions::text ~* 'security_invoker=(true|on|1|yes)', false) \
                 AND (o.rolsuper OR o.rolbypassrls)), \
               string_agg(DISTINCT f.oid::regprocedure::text, ', ') FILTER (WHERE f.prosecdef AND n.nspname <> 'tenantry' \
                 AND (fo.rolsuper OR fo.rolbypassrls)) \
             FROM d JOIN pg_class v ON v.oid = d.oid JOIN pg_roles o ON o.oid = v.relowner \
             LEFT JOIN pg_rewrite w ON w.ev_class = v.oid \
             LEFT JOIN pg_depend p ON p.classid = 'pg_rewrite'::regclass AND p.objid = w.oid AND p.refclassid = 'pg_proc'::regclass \
             LEFT JOIN pg_proc f ON f.oid = p.refobjid LEFT JOIN pg_namespace n ON n.oid = f.pronamespace \
             LEFT JOIN pg_roles fo ON fo.oid = f.proowner \
             GROUP BY d.top ORDER BY 1",
            readable(stage, "c.oid")
        ))
        .await?;
    for row in rows {
        tally.tried();
        if !row[1].is_empty() {
            tally.broke(&row[0], format!("reads {}, which runs with its owner's rights", row[1]));
        } else if !row[2].is_empty() {
            tally.broke(&row[0], format!("calls {}, which runs with its owner's rights", row[2]));
        }
    }
    Ok(tally.finish_static("readable view", "everything below it runs with the reader's rights"))
}
