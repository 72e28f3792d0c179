//! P-16: rows without a tenant, published to everybody.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-16",
    title: "A tenant writes a row without a tenant",
    severity: High,
    meaning: "Where NULL in the tenant column means \"for everybody\", a tenant that can write NULL publishes to all: stored scripts, poisoned settings.",
    method: "As A, copies a row of its own with NULL as the tenant. The policy must refuse it (42501), or NOT NULL must.",
    remedy: "Put WITH CHECK back: `tenantry apply`; keep rows for everybody in a table that only the operator writes.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in stage.writable() {
        let Some(column) = table.tenant_column() else { continue };
        if own(table, &mut tally).is_none() {
            continue;
        }
        let null = [(column.clone(), "NULL".to_owned())];
        stage.as_a.begin(Some(&stage.a)).await?;
        tally.tried();
        for shape in SHAPES {
            let Some(sql) = table.copy_row(&null, shape) else { continue };
            tally.attempt();
            // A trigger that fills the column in is as good as a refusal: look whether a row without one stands there.
            let look = format!("{sql} RETURNING ({} IS NULL)", column.quoted());
            let answer = match shape {
                Shape::Select => stage.as_a.attempt(&look, Wire::Simple).await?,
                _ => stage.as_a.attempt(&sql, Wire::Simple).await?,
            };
            if shape == Shape::Select && matches!(&answer, Answer::Done { first: Some(f), .. } if f == "t") {
                tally.broke(&table.table, "a row without a tenant was written");
            }
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish("table", "a row without a tenant is refused, or gets tenant A"))
}
