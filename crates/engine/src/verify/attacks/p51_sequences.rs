//! P-51: sequences are everybody's.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-51",
    title: "A sequence can be set by a tenant",
    severity: Low,
    meaning: "With UPDATE on a sequence, setval of one tenant breaks the inserts of all. Gaps and last_value show how much the others write.",
    method: "Reads which sequences a runtime login has UPDATE on; where none, tries setval and ALTER SEQUENCE. Whether last_value can be read and nextval called is reported as a remaining channel: inserts need USAGE.",
    remedy: "GRANT USAGE only (not UPDATE, not ALL) on sequences; use random ids where volume must not show.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), \
             (SELECT bool_or(has_sequence_privilege(r.oid, c.oid, 'UPDATE')) FROM pg_roles r WHERE r.rolname IN ({logins}))::text, \
             (SELECT bool_or(has_sequence_privilege(r.oid, c.oid, 'USAGE, SELECT')) FROM pg_roles r WHERE r.rolname IN ({logins}))::text \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind = 'S' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'tenantry' ORDER BY 1",
            logins = stage.login_list()
        ))
        .await?;
    let mut open = 0;
    for row in &rows {
        tally.tried();
        open += usize::from(row[2] == "true");
        if row[1] == "true" {
            tally.broke(&row[0], "a runtime login can set it");
        }
    }
    if tally.is_broken() {
        return Ok(tally.finish("sequence", ""));
    }
    stage.as_a.begin(Some(&stage.a)).await?;
    for row in &rows {
        // setval is not undone by a rollback, so that the value it would set must be the one that stands: an error comes first.
        tally.attempt();
        let sql = format!("ALTER SEQUENCE {} CACHE 1", row[0]);
        if matches!(stage.as_a.attempt(&sql, Wire::Simple).await?, Answer::Done { .. }) {
            tally.broke(&row[0], "a runtime login can alter it");
        }
    }
    stage.as_a.end().await?;
    Ok(match tally.finish_static("sequence", "no runtime login can set it") {
        Outcome::Pass(evidence) if open > 0 => Outcome::Residual(format!(
            "{evidence}; {open} hand out numbers of all tenants from one row, so that gaps show how much the others write: use random ids where that matters"
        )),
        other => other,
    })
}
