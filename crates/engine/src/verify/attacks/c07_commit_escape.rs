//! C-07: out of the transaction.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-07",
    title: "COMMIT escapes from the tenant's transaction",
    severity: Critical,
    meaning: "Where the tenant is set per transaction, a client that sends COMMIT, ROLLBACK, END, ABORT or AND CHAIN falls back to what the session had before: another tenant, or none.",
    method: "Sets the session's settings to B (as a previous user would leave them), enters A, and sends each form followed by reads of B's rows and of any row, in one message and in the next. Nothing of B may come, and after the transaction nothing at all.",
    remedy: "Let the policies ask the signed context, which ends with its transaction: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    for setting in super::c01_writable_setting::SETTINGS.iter().filter(|s| !s.starts_with("tenantry.")) {
        session.say(&format!("SELECT pg_catalog.set_config({}, {}, false)", literal(setting), key(&stage.b)), Wire::Simple).await?;
    }
    for table in stage.tables() {
        if both(table, &mut tally).is_none() {
            continue;
        }
        tally.tried();
        let foreign = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(&stage.a));
        let any = format!("SELECT 1 FROM {} t LIMIT 1", table.sql);
        for escape in ["COMMIT", "ROLLBACK", "END", "ABORT", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "COMMIT; BEGIN", "ROLLBACK; BEGIN"] {
            session.begin(Some(&stage.a)).await?;
            tally.attempt();
            let one = session.say(&format!("{escape}; {foreign}"), Wire::Simple).await?;
            // In the next message time has moved on, and with it the transaction.
            let next = session.say(&any, Wire::Simple).await?;
            if one.rows() > 0 {
                tally.broke(&table.table, format!("tenant B's rows are visible after {escape}"));
            }
            if next.rows() > 0 {
                tally.broke(&table.table, format!("rows are visible after {escape} without a tenant"));
            }
            session.end().await?;
        }
    }
    session.close().await;
    Ok(tally.finish("table", "the tenant ends with its transaction"))
}
