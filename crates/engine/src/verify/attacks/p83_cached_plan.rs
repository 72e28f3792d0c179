//! P-83: a plan made for somebody else.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-83",
    title: "A prepared statement keeps the tenant it was planned for",
    severity: Critical,
    meaning: "A plan that is kept may have the tenant or the role of its first run built in, and show it to the next (CVE-2016-2193, 2023-2455, 2024-10976).",
    method: "On one connection: prepares statements with CTE, sub-select, join and a plain one, as SQL PREPARE and as a named statement of the protocol, and runs each seven times as A so that a generic plan is kept. Then enters B in a new transaction and runs them again: only B's rows may come. And back, and without a tenant.",
    remedy: "Put the policies back so that the tenant is asked at run time: `tenantry apply`; install the newest minor release.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    for table in stage.tables() {
        if both(table, &mut tally).is_none() {
            continue;
        }
        tally.tried();
        let name = &table.sql;
        // Each answers with how the rows it sees are spread: own and foreign, seen from A and from B.
        let (not_a, not_b) = (table.foreign_to(&stage.a), table.foreign_to(&stage.b));
        let bodies = [
            format!("SELECT 1 FROM {name} t WHERE {{}} LIMIT 1"),
            format!("WITH c AS (SELECT * FROM {name}) SELECT 1 FROM c t WHERE {{}} LIMIT 1"),
            format!("SELECT 1 FROM (SELECT * FROM {name} OFFSET 0) t WHERE {{}} LIMIT 1"),
            format!("SELECT 1 FROM (VALUES (1)) v(x) WHERE EXISTS (SELECT 1 FROM {name} t WHERE {{}})"),
        ];
        for body in &bodies {
            let (for_a, for_b) = (body.replace("{}", &not_a), body.replace("{}", &not_b));
            // A statement that cannot be written for a row type of this table (ctid in a CTE) says nothing.
            let (Ok(a), Ok(b)) = (session.client().prepare(&for_a).await, session.client().prepare(&for_b).await) else { continue };
            session.say(&format!("PREPARE verify_a AS {for_a}"), Wire::Simple).await?;
            session.say(&format!("PREPARE verify_b AS {for_b}"), Wire::Simple).await?;
            for (tenant, named, by_name) in [
                (&stage.a, &a, "EXECUTE verify_a"),
                (&stage.b, &b, "EXECUTE verify_b"),
                (&stage.a, &a, "EXECUTE verify_a"),
            ] {
                session.begin(Some(tenant)).await?;
                for _ in 0..7 {
                    tally.attempt();
                    let seen = session.client().query(named, &[]).await.map_or(0, |rows| rows.len() as u64);
                    if seen > 0 || session.attempt(by_name, Wire::Simple).await?.rows() > 0 {
                        tally.broke(&table.table, "a kept plan shows another tenant's rows");
                    }
                }
                session.end().await?;
            }
            session.begin(None).await?;
            tally.attempt();
            if session.attempt("EXECUTE verify_a", Wire::Simple).await?.rows() > 0 {
                tally.broke(&table.table, "a kept plan gives rows without a tenant");
            }
            session.end().await?;
            session.say("DEALLOCATE ALL", Wire::Simple).await?;
        }
    }
    session.close().await;
    Ok(tally.finish("table", "kept plans ask for the tenant again"))
}
