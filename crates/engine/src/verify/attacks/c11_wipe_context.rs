//! C-11: wiping the tenant away.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-11",
    title: "A wiped context opens the tables",
    severity: High,
    meaning: "RESET, DISCARD and SET … TO DEFAULT wipe a setting; what is left must be no tenant, not every tenant.",
    method: "As A, wipes the settings and leaves the tenant (RESET ALL, RESET of each, tenantry.leave, DISCARD SEQUENCES and DISCARD ALL), and then reads B's rows.",
    remedy: "Let the policies ask the signed context, which raises without a tenant: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let changes: Vec<String> = {
        let mut all: Vec<String> = super::c01_writable_setting::SETTINGS.iter().flat_map(|s| [format!("RESET {s}"), format!("SET LOCAL {s} TO DEFAULT")]).collect();
        all.push("RESET ALL".into());
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
                tally.broke(&table.table, "tenant B's rows are visible after the context was wiped");
            }
            stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT change").await?;
        }
        // These are not undone by a savepoint, and so come last: after them there is no tenant at all.
        let any = format!("SELECT 1 FROM {} t LIMIT 1", table.sql);
        for wipe in ["SELECT tenantry.leave()", "DISCARD SEQUENCES"] {
            tally.attempt();
            stage.as_a.say(wipe, Wire::Simple).await?;
            if stage.as_a.attempt(&any, Wire::Simple).await?.rows() > 0 {
                tally.broke(&table.table, format!("rows are visible after {wipe}"));
            }
        }
        stage.as_a.end().await?;
        stage.as_a.bind().await?;
        stage.as_a.begin(Some(&stage.a)).await?;
        stage.as_a.end().await?;
    }
    Ok(tally.finish("table", "tenant B's rows stay out of sight"))
}
