//! P-72: rows that land in the wrong partition.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-72",
    title: "A row moves to another tenant's partition",
    severity: Medium,
    meaning: "Where partitions follow the tenant, a DEFAULT partition or an UPDATE of the key mixes tenants.",
    method: "For every table partitioned by the tenant: as A, updates its own row's tenant to B (which must be refused, not moved).",
    remedy: "Put the restrictive policy on the parent back: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in stage.writable().filter(|t| t.partitioned) {
        let Some(column) = table.tenant_sql() else { continue };
        let by_tenant = table.structure.partition_key.as_ref().is_some_and(|k| k.contains(column.trim_matches('"')));
        if !by_tenant {
            continue;
        }
        let Some(sample) = own(table, &mut tally) else { continue };
        tally.tried();
        stage.as_a.begin(Some(&stage.a)).await?;
        let mut moves = vec![format!("UPDATE {} t SET {column} = {} WHERE {}", table.sql, key(&stage.b), sample.is_it)];
        if sample.rows <= stage.limits.rows_max {
            moves.push(format!("UPDATE {} SET {column} = {}", table.sql, key(&stage.b)));
        }
        for sql in &moves {
            tally.attempt();
            let answer = stage.as_a.attempt(sql, Wire::Simple).await?;
            if answer.rows() > 0 || answer.is_constraint() {
                tally.broke(&table.table, "a row moved to another tenant's partition");
            }
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish_static("table partitioned by tenant", "rows stay in their tenant's partition"))
}
