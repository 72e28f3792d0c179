//! P-13: a connection that names no tenant.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-13",
    title: "A connection without a tenant gets in",
    severity: Critical,
    meaning: "A policy with `OR current_setting(…) IS NULL`, a default tenant, or a coalesce lets a connection that forgot to name its tenant read or write everything.",
    method: "On new connections that never entered a tenant: SELECT, INSERT, UPDATE and DELETE on every protected table, in autocommit and in a transaction, in both protocols. Each must give an error or no row. As a control, the same login reads the table as A.",
    remedy: "Put the policies and the context functions back: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let nobody = stage.fresh(0).await?;
    for table in stage.tables() {
        if own(table, &mut tally).is_none() {
            continue;
        }
        tally.tried();
        let name = &table.sql;
        // Reading is harmless outside a transaction.
        for wire in WIRES {
            tally.attempt();
            if nobody.say(&format!("SELECT 1 FROM {name} t LIMIT 1"), wire).await?.rows() > 0 {
                tally.broke(&table.table, "rows are visible without a tenant");
            }
        }
        let mut writes = Vec::new();
        if table.writable {
            if let Some(column) = table.idle_column() {
                writes.push(format!("UPDATE {name} SET {column} = {column} WHERE ctid = '(0,1)'"));
                writes.push(format!("UPDATE {name} t SET {column} = {column} WHERE {}", table.owned_by(&stage.b)));
            }
            writes.extend(table.bare_row(&key(&stage.b)));
            writes.push(format!("DELETE FROM {name} t WHERE {}", table.owned_by(&stage.b)));
        }
        nobody.begin(None).await?;
        for sql in &writes {
            tally.attempt();
            let answer = nobody.attempt(sql, Wire::Simple).await?;
            // The policy comes before the constraints, also before NOT NULL.
            if answer.rows() > 0 || answer.is_constraint() {
                tally.broke(&table.table, "rows can be written without a tenant");
            }
        }
        nobody.end().await?;
    }
    nobody.close().await;
    Ok(tally.finish("table", "nothing is read or written without a tenant"))
}
