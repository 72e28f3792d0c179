//! C-01: settings that any statement can write.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-01",
    title: "Any statement can change the tenant by writing a setting",
    severity: Critical,
    meaning: "A custom setting is not a boundary: any SQL the application sends, or that is injected into it, can write it, mostly without the word SET. A policy that reads the tenant from one believes the attacker.",
    method: "As A, sets every tenant setting in use (app.tenant_id, tenantry.context and their kin) to B: by SET, SET SESSION, SET LOCAL, set_config in a select list, in a CTE and in the WHERE of the very statement that reads. Then, and in the same statement, reads B's rows, in both protocols. The control is A's own row.",
    remedy: "Let the policies ask tenantry.tenant_id() and its siblings, which believe a signed context only: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

/// Names under which applications keep the tenant, and tenantry's own.
pub(super) const SETTINGS: [&str; 9] = [
    "app.tenant_id",
    "app.current_tenant",
    "app.current_tenant_id",
    "app.current_workspace_id",
    "app.tenant",
    "rls.tenant_id",
    "request.jwt.claims",
    "tenantry.tid",
    "tenantry.context",
];

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    let b = key(&stage.b);
    for table in stage.tables() {
        let Some((a_row, _)) = both(table, &mut tally) else { continue };
        let foreign = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(&stage.a));
        let of_b = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.owned_by(&stage.b));
        session.begin(Some(&stage.a)).await?;
        let control = session.attempt(&format!("SELECT 1 FROM {} t WHERE {}", table.sql, a_row.is_it), Wire::Simple).await?;
        if control.rows() == 0 {
            tally.left(&table.table, "tenant A cannot read its own row");
            session.end().await?;
            continue;
        }
        tally.tried();
        for setting in SETTINGS {
            let call = format!("pg_catalog.set_config({}, {b}, true)", literal(setting));
            // Undone by the savepoint, so that each form stands alone.
            for change in [format!("SET LOCAL {setting} = {b}"), format!("SET SESSION {setting} TO {b}"), format!("SELECT {call}")] {
                session.client().batch_execute("SAVEPOINT change").await?;
                session.say(&change, Wire::Simple).await?;
                for read in [&foreign, &of_b] {
                    tally.attempt();
                    if session.attempt(read, Wire::Simple).await?.rows() > 0 {
                        tally.broke(&table.table, format!("tenant B's rows are visible after {setting} was written"));
                    }
                }
                session.client().batch_execute("ROLLBACK TO SAVEPOINT change").await?;
            }
            for sql in [
                format!("WITH x AS MATERIALIZED (SELECT {call} AS v) SELECT 1 FROM x, {} t WHERE x.v IS NOT NULL AND {} LIMIT 1", table.sql, table.foreign_to(&stage.a)),
                format!("SELECT 1 FROM {} t WHERE {call} IS NOT NULL AND {} LIMIT 1", table.sql, table.foreign_to(&stage.a)),
            ] {
                for wire in WIRES {
                    tally.attempt();
                    if session.attempt(&sql, wire).await?.rows() > 0 {
                        tally.broke(&table.table, format!("tenant B's rows are visible in the statement that writes {setting}"));
                    }
                }
            }
        }
        session.end().await?;
    }
    session.close().await;
    Ok(tally.finish("table", "no setting changes the tenant"))
}
