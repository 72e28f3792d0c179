//! C-03: one statement, many spellings.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-03",
    title: "A spelling of SET gets past",
    severity: High,
    meaning: "Unicode escapes, quoted and mixed-case names, comments inside tokens and dollar quotes spell the same SET in ways a filter does not know.",
    method: "As A, writes the tenant settings in a dozen spellings, and then reads B's rows.",
    remedy: "Let the policies ask the signed context: `tenantry apply`; do not rely on filters of SQL text.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let changes: Vec<String> = {
        let b = key(&stage.b);
        let mut all = vec![
            format!("SET \"app\".\"tenant_id\" = {b}"),
            format!("SET APP.Tenant_ID TO {b}"),
            format!("SET U&\"\\0061pp\".tenant_id = {b}"),
            format!("SET/**/app.tenant_id/* /* */ */={b}"),
            format!("SELECT U&\"\\0073et_config\"('app.tenant_id', {b}, true)"),
            format!("SELECT pg_catalog.\"set_config\"($$app.tenant_id$$, {b}, true)"),
            format!("SET LOCAL tenantry.context TO {b}"),
            format!("SET LOCAL TENANTRY.\"context\" = {b}"),
            "SET LOCAL tenantry.context TO DEFAULT".to_owned(),
            "SET LOCAL tenantry.context = 'entered'".to_owned(),
        ];
        all.push(format!("SET LOCAL tenantry.context = {}", literal(&format!("entered:{}", stage.b))));
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
                tally.broke(&table.table, "tenant B's rows are visible after a spelling of SET");
            }
            stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT change").await?;
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish("table", "tenant B's rows stay out of sight"))
}
