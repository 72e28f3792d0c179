//! S-10: handed over in the middle.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-10",
    title: "A connection handed over inside a transaction shows it",
    severity: Critical,
    meaning: "If a connection changes hands while a transaction is open, the next user runs inside it: it sees what is not committed, and commits it.",
    method: "On one connection, inside one open transaction: A changes a row of its own; then, without an end, B enters and reads. B must see its own rows only, none of A's; and in a failed transaction B cannot enter at all. Everything is rolled back.",
    remedy: "Put the policies back: `tenantry apply`; the pooler must roll back or close before it hands over.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    for table in stage.writable() {
        let Some((a, _)) = both(table, &mut tally) else { continue };
        let Some(column) = table.idle_column() else { continue };
        session.begin(Some(&stage.a)).await?;
        let changed = session.say(&format!("UPDATE {} t SET {column} = t.{column} WHERE {}", table.sql, a.is_it), Wire::Simple).await?;
        if changed.rows() == 0 {
            tally.left(&table.table, format!("tenant A cannot update its own row: {}", changed.code()));
            session.end().await?;
            continue;
        }
        tally.tried();
        session.enter(&stage.b).await?;
        tally.attempt();
        let sql = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(&stage.b));
        if session.attempt(&sql, Wire::Simple).await?.rows() > 0 {
            tally.broke(&table.table, "tenant B sees what tenant A left open");
        }
        tally.attempt();
        let write = format!("UPDATE {} t SET {column} = t.{column} WHERE {}", table.sql, a.is_it);
        if session.attempt(&write, Wire::Simple).await?.rows() > 0 {
            tally.broke(&table.table, "tenant B writes the row tenant A left open");
        }
        session.end().await?;
    }
    session.begin(Some(&stage.a)).await?;
    session.say("SELECT 1/0", Wire::Simple).await?;
    tally.attempt();
    if matches!(session.say(&session.enter_sql(&stage.b), Wire::Simple).await?, Answer::Done { .. }) {
        tally.broke("tenantry.enter", "a tenant entered a failed transaction");
    }
    session.end().await?;
    session.close().await;
    Ok(tally.finish("table", "the next tenant sees its own rows only, also inside an open transaction"))
}
