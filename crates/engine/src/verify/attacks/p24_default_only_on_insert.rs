//! P-24: the tenant column's default is no protection.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-24",
    title: "The tenant is only a default, which a statement can override",
    severity: Medium,
    meaning: "A DEFAULT or a fill trigger sets the tenant of an INSERT that leaves it out. An INSERT that names another, or a later UPDATE, must not get past it.",
    method: "As A, copies a row of its own leaving the tenant to its DEFAULT (it must come out as A's or be refused), names B instead, and sets the column to its DEFAULT afterwards.",
    remedy: "Put the restrictive policy back: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in stage.writable() {
        let Some(column) = table.tenant_column() else { continue };
        let Some(sample) = own(table, &mut tally) else { continue };
        let (name, quoted, mine) = (&table.sql, column.quoted(), &sample.is_it);
        stage.as_a.begin(Some(&stage.a)).await?;
        tally.tried();
        let bound = [(column.clone(), key(&stage.b))];
        for shape in SHAPES {
            let Some(sql) = table.copy_row(&bound, shape) else { continue };
            tally.attempt();
            if let Some(seen) = landed(stage, table, &sql, Wire::Simple).await? {
                tally.broke(&table.table, seen);
            }
            stage.as_a.enter(&stage.a).await?;
        }
        tally.attempt();
        let default = format!("UPDATE {name} t SET {quoted} = DEFAULT WHERE {mine} RETURNING ({})", table.foreign_to(&stage.a));
        if let Answer::Done { first: Some(foreign), .. } = stage.as_a.attempt(&default, Wire::Simple).await?
            && foreign == "t" {
                tally.broke(&table.table, "its default is another tenant");
            }
        stage.as_a.end().await?;
    }
    Ok(tally.finish("table", "a tenant named in the statement is checked like a default one"))
}
