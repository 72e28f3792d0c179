//! C-04: settings written as a table.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-04",
    title: "UPDATE pg_settings changes the tenant",
    severity: High,
    meaning: "pg_settings has a rule that calls set_config: an UPDATE of it is a SET without the word.",
    method: "As A, updates pg_settings for the tenant settings, search_path, row_security, role and standard_conforming_strings, and then reads B's rows.",
    remedy: "Let the policies ask the signed context: `tenantry apply`; reset settings between users of a connection.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let changes: Vec<String> = {
        let b = key(&stage.b);
        let mut all: Vec<String> = super::c01_writable_setting::SETTINGS
            .iter()
            .map(|s| format!("SELECT pg_catalog.set_config({n}, '', true); UPDATE pg_catalog.pg_settings SET setting = {b} WHERE name = {n}", n = literal(s)))
            .collect();
        for (name, value) in [("search_path", "pg_temp"), ("row_security", "off"), ("role", "none"), ("standard_conforming_strings", "off")] {
            all.push(format!("UPDATE pg_catalog.pg_settings SET setting = {} WHERE name = {}", literal(value), literal(name)));
        }
        all
    };
    for table in stage.tables() {
        let Some((a, _)) = both(table, &mut tally) else { continue };
        let own = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, a.is_it);
        let foreign = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(&stage.a));
        stage.as_a.begin(Some(&stage.a)).await?;
        if stage.as_a.attempt(&own, Wire::Simple).await?.rows() == 0 {
            tally.left(&table.table, "tenant A cannot read its own row");
            stage.as_a.end().await?;
            continue;
        }
        tally.tried();
        for change in &changes {
            stage.as_a.client().batch_execute("SAVEPOINT change").await?;
            tally.attempt();
            let answer = stage.as_a.say(change, Wire::Simple).await?;
            if matches!(answer, Answer::Refused { .. }) {
                stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT change").await?;
            }
            if stage.as_a.attempt(&foreign, Wire::Simple).await?.rows() > 0 {
                tally.broke(&table.table, "tenant B's rows are visible after UPDATE pg_settings");
            }
            stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT change").await?;
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish("table", "tenant B's rows stay out of sight"))
}
