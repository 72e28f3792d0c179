//! P-04: whoever is a member of the owner is treated as the owner, and may switch protection off.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-04",
    title: "The runtime login can alter the tables",
    severity: Critical,
    meaning: "A login that owns a table, or is a member of its owner, may run ALTER TABLE … DISABLE ROW LEVEL SECURITY; FORCE does not help against that.",
    method: "Looks at the memberships, and where none is found tries to disable, un-force, alter policies and change the owner as the runtime login. The server checks ownership before it locks anything.",
    remedy: "Let a NOLOGIN role own the tables (`tenantry complete` does) and keep the runtime group out of it.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let owned = stage
        .list(&format!(
            "SELECT DISTINCT c.oid::regclass::text FROM pg_class c, pg_roles r WHERE c.oid IN ({}) \
             AND r.rolname IN ({}) AND pg_has_role(r.oid, c.relowner, 'MEMBER') ORDER BY 1",
            stage.subject_list(),
            stage.login_list()
        ))
        .await?;
    for table in &owned {
        tally.broke(table, "a runtime login has the owner's rights");
    }
    if tally.is_broken() {
        // Known to succeed: a lock on a table in use would be all that is gained by showing it.
        return Ok(tally.finish("table", ""));
    }
    let session = &stage.as_a;
    session.begin(Some(&stage.a)).await?;
    for table in stage.tables() {
        tally.tried();
        let name = &table.sql;
        for sql in [
            format!("ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"),
            format!("ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY"),
            format!("DROP POLICY tenantry_tenant ON {name}"),
            format!("ALTER POLICY tenantry_tenant ON {name} USING (true)"),
            format!("CREATE POLICY verify_open ON {name} USING (true)"),
            format!("ALTER TABLE {name} OWNER TO CURRENT_USER"),
        ] {
            tally.attempt();
            if matches!(session.attempt(&sql, Wire::Simple).await?, Answer::Done { .. }) {
                tally.broke(&table.table, "the runtime login altered it");
            }
        }
    }
    session.end().await?;
    Ok(tally.finish("table", "must be owner, says the server to each ALTER"))
}
