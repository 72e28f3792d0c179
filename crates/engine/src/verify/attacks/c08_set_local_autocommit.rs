//! C-08: a tenant for one statement only.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-08",
    title: "A context set in autocommit stays, or is another's",
    severity: High,
    meaning: "SET LOCAL outside a transaction is only a warning; statements that follow run without a tenant, or with an old one.",
    method: "Enters A in autocommit, in both protocols, and reads in the next statement: nothing may come, in particular nothing of B. The control is the same within one transaction.",
    remedy: "Enter the tenant inside the transaction that uses it; nothing to do in the database if this passes.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    for table in stage.tables() {
        let Some(sample) = own(table, &mut tally) else { continue };
        let any = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, sample.is_it);
        session.begin(Some(&stage.a)).await?;
        let control = session.attempt(&any, Wire::Simple).await?.rows();
        session.end().await?;
        if control == 0 {
            tally.left(&table.table, "tenant A cannot read its own row");
            continue;
        }
        tally.tried();
        for wire in WIRES {
            tally.attempt();
            session.say(&session.enter_sql(&stage.a), wire).await?;
            session.say(&format!("SET LOCAL app.tenant_id = {}", key(&stage.a)), wire).await?;
            if session.say(&any, wire).await?.rows() > 0 {
                tally.broke(&table.table, "the tenant of one statement is still there in the next");
            }
        }
    }
    session.close().await;
    Ok(tally.finish("table", "the tenant ended with the statement that entered it"))
}
