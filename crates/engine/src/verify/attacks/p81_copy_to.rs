//! P-81: unloading in bulk.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-81",
    title: "COPY TO gets past the policies",
    severity: Medium,
    meaning: "COPY (SELECT …) and COPY of a parent must show the tenant's own rows only.",
    method: "As A, without copying a row anywhere: COPY of a query for rows that are not A's, of every protected table and partition, must deliver no byte; COPY without a tenant must be refused.",
    remedy: "Put the policies back: `tenantry apply`; install the newest minor release.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    use futures::StreamExt as _;
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    for table in &stage.subjects {
        if table.partition_of.is_none() && own(table, &mut tally).is_none() {
            continue;
        }
        tally.tried();
        let parent = table.partition_of.as_ref().and_then(|p| stage.subject(p)).unwrap_or(table);
        let sql = format!("COPY (SELECT 1 FROM {} t WHERE {} LIMIT 1) TO STDOUT", table.sql, parent.foreign_to(&stage.a));
        session.begin(Some(&stage.a)).await?;
        let bytes = match session.client().copy_out(&sql).await {
            Ok(stream) => {
                let mut stream = Box::pin(stream);
                let mut n = 0;
                while let Some(chunk) = stream.next().await {
                    n += chunk.map_or(0, |c| c.len());
                }
                n
            }
            Err(_) => 0,
        };
        session.end().await?;
        if bytes > 0 {
            tally.broke(&table.table, "COPY delivers rows of other tenants");
        }
    }
    session.close().await;
    Ok(tally.finish("table", "COPY delivers nothing of other tenants"))
}
