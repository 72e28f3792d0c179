//! P-33: rows copied by a trigger to where no policy is.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-33",
    title: "A trigger copies rows to an unprotected table",
    severity: High,
    meaning: "A trigger that writes history, outbox or search tables copies every tenant's rows there. If that table has no policy, whoever can read it reads them all.",
    method: "Looks into the source of the functions behind the triggers of protected tables for the names of tables that the runtime can read and that are not protected.",
    remedy: "Protect the table the trigger writes (register it as direct or indirect), or revoke SELECT on it.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT t.tgrelid::regclass::text || ' / ' || t.tgname, string_agg(DISTINCT c.oid::regclass::text, ', ') FILTER (WHERE c.oid IS NOT NULL) \
             FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace pn ON pn.oid = p.pronamespace \
             LEFT JOIN pg_class c ON c.relkind IN ('r', 'p') AND c.oid NOT IN ({subjects}) AND c.relnamespace::regnamespace::text NOT LIKE 'pg\\_%' \
               AND c.relnamespace::regnamespace::text NOT IN ('tenantry', 'information_schema') \
               AND p.prosrc ~* ('(insert\\s+into|merge\\s+into)\\s+(only\\s+)?(\"?[[:alnum:]_]+\"?\\.)?\"?' || regexp_replace(c.relname, '([^[:alnum:]_])', '\\\\\\1', 'g') || '\"?($|[^[:alnum:]_])') \
               AND EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname IN ({logins}) AND has_table_privilege(r.oid, c.oid, 'SELECT')) \
             WHERE NOT t.tgisinternal AND t.tgrelid IN ({subjects}) AND pn.nspname <> 'tenantry' GROUP BY 1 ORDER BY 1",
            subjects = stage.subject_list(),
            logins = stage.login_list()
        ))
        .await?;
    for row in rows {
        tally.tried();
        if !row[1].is_empty() {
            tally.broke(&row[0], format!("copies rows to {}, which the runtime can read", row[1]));
        }
    }
    Ok(tally.finish_static("trigger on a protected table", "writes no readable table without a policy"))
}
