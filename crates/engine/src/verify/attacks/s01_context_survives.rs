//! S-01: the tenant of the last user.

use tenantry_model::TenantKey;

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "S-01",
    title: "The tenant survives on the connection",
    severity: Critical,
    meaning: "The classic of pooled connections: a tenant set for the session is still there for the next user.",
    method: "On one connection (the same server process, compared): enters A and ends the transaction by COMMIT, by ROLLBACK, after an error, and by leave; then, before B enters, reads, and after B entered reads A's rows. Then holds A for the session and reads once it was released, rolled back in favour of B, or followed by an entered transaction; and A's rows once B is held. In both orders.",
    remedy: "Let the policies ask the signed context, which ends with its transaction: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    let pid = session.number("SELECT pg_catalog.pg_backend_pid()::pg_catalog.int8").await?;
    for table in stage.tables() {
        if both(table, &mut tally).is_none() {
            continue;
        }
        tally.tried();
        let any = format!("SELECT 1 FROM {} t LIMIT 1", table.sql);
        for (first, second) in [(&stage.a, &stage.b), (&stage.b, &stage.a)] {
            let foreign = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(second));
            for end in ["COMMIT", "ROLLBACK", "SELECT 1/0", "SELECT tenantry.leave()"] {
                tally.attempt();
                session.begin(Some(first)).await?;
                session.attempt(&any, Wire::Simple).await?;
                session.say(end, Wire::Simple).await?;
                session.end().await?;
                if session.say(&any, Wire::Simple).await?.rows() > 0 {
                    tally.broke(&table.table, format!("rows are visible before the next tenant entered (after {end})"));
                }
                session.begin(Some(second)).await?;
                if session.attempt(&foreign, Wire::Simple).await?.rows() > 0 {
                    tally.broke(&table.table, format!("the last tenant's rows are visible to the next (after {end})"));
                }
                session.end().await?;
            }
            held(&session, table, [first, second], &mut tally).await?;
        }
    }
    let same = session.number("SELECT pg_catalog.pg_backend_pid()::pg_catalog.int8").await? == pid;
    session.close().await;
    if !same {
        return Ok(Outcome::Skipped("a pooler in between changed the server process: connect to the server itself".into()));
    }
    Ok(tally.finish("table", "each tenant sees its own rows, and nobody without a tenant"))
}

/// The form that outlives its transaction: nothing brings it back once it has ended.
async fn held(session: &Session, table: &Subject, [first, second]: [&TenantKey; 2], tally: &mut Tally) -> Result<(), Stop> {
    let any = format!("SELECT 1 FROM {} t LIMIT 1", table.sql);
    let foreign = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(second));
    for end in ["release", "rollback", "enter"] {
        if !matches!(session.say(&session.hold_sql(first), Wire::Simple).await?, Answer::Done { .. }) {
            return Ok(());
        }
        tally.attempt();
        match end {
            "release" => drop(session.say("SELECT tenantry.release()", Wire::Simple).await?),
            "rollback" => {
                session.begin(None).await?;
                session.say(&session.hold_sql(second), Wire::Simple).await?;
                session.end().await?;
            }
            _ => {
                session.begin(Some(second)).await?;
                session.end().await?;
            }
        }
        if session.say(&any, Wire::Simple).await?.rows() > 0 {
            tally.broke(&table.table, format!("rows are visible after a held context ended ({end})"));
        }
    }
    session.say(&session.hold_sql(first), Wire::Simple).await?;
    session.say(&session.hold_sql(second), Wire::Simple).await?;
    if session.say(&foreign, Wire::Simple).await?.rows() > 0 {
        tally.broke(&table.table, "the last tenant's rows are visible to the one that is held next");
    }
    session.say("SELECT tenantry.release()", Wire::Simple).await?;
    Ok(())
}
