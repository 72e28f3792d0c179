//! P-08: tenant A inserts rows that belong to tenant B.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-08",
    title: "Tenant A writes a row for tenant B",
    severity: Critical,
    meaning: "If only reading is bound to the tenant, or the WITH CHECK of a policy is weaker than its USING, a tenant plants rows at another: messages, members, price lists.",
    method: "As A, copies a row of its own (which must work), then copies it with B's tenant in it: by INSERT … SELECT, in WITH, by MERGE and with ON CONFLICT, in the simple and the extended protocol. Each must raise 42501; afterwards the same transaction looks as B whether a row arrived. Where the registry names a second level, the same as one unit of a tenant, for another and for the whole tenant.",
    remedy: "Put the restrictive policy with WITH CHECK back: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in stage.writable() {
        if own(table, &mut tally).is_none() {
            continue;
        }
        let Some(bound) = table.bound_to_b(&stage.b) else {
            tally.left(&table.table, "tenant B has no row to point at");
            continue;
        };
        stage.as_a.begin(Some(&stage.a)).await?;
        if can_insert(stage, table, &mut tally).await? {
            tally.tried();
            for shape in SHAPES {
                let Some(sql) = table.copy_row(&bound, shape) else { continue };
                for wire in WIRES {
                    tally.attempt();
                    if let Some(seen) = landed(stage, table, &sql, wire).await? {
                        tally.broke(&table.table, seen);
                    }
                    stage.as_a.enter(&stage.a).await?;
                }
            }
        }
        stage.as_a.end().await?;
    }
    super::units::write(stage, &mut tally).await?;
    Ok(tally.finish("table", "each row for tenant B was refused"))
}

/// The positive control: A copies a row of its own.
async fn can_insert(stage: &Stage, table: &Subject, tally: &mut Tally) -> Result<bool, Stop> {
    let Some(sql) = table.copy_row(&[], Shape::Select) else { return Ok(false) };
    let answer = stage.as_a.attempt(&sql, Wire::Simple).await?;
    let works = answer.rows() > 0 || answer.is_constraint();
    if !works {
        tally.left(&table.table, format!("tenant A cannot insert a copy of its own row: {}", answer.code()));
    }
    Ok(works)
}
