//! P-61: counters that everybody can read.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-61",
    title: "Counters show how much other tenants write",
    severity: Medium,
    meaning: "reltuples, pg_stat_user_tables, sizes, ctid and xmin count all tenants. They show volume and its changes, never contents.",
    method: "As A, reads the counters of a protected table, to see which of them are open.",
    remedy: "Revoke the views from PUBLIC where volume must not show, and let the proxy refuse the catalog to tenants.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let Some(table) = stage.tables().next() else {
        return Ok(Outcome::Skipped("no protected table".into()));
    };
    let name = literal(&table.sql);
    stage.as_a.begin(Some(&stage.a)).await?;
    let mut open = Vec::new();
    for (what, sql) in [
        ("pg_class.reltuples", format!("SELECT reltuples FROM pg_catalog.pg_class WHERE oid = {name}::pg_catalog.regclass")),
        ("pg_stat_user_tables", format!("SELECT n_tup_ins FROM pg_catalog.pg_stat_user_tables WHERE relid = {name}::pg_catalog.regclass")),
        ("pg_relation_size", format!("SELECT pg_catalog.pg_relation_size({name}::pg_catalog.regclass)")),
        ("pg_stat_database", "SELECT xact_commit FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database()".into()),
    ] {
        if stage.as_a.attempt(&sql, Wire::Simple).await?.rows() > 0 {
            open.push(what);
        }
    }
    stage.as_a.end().await?;
    Ok(if open.is_empty() {
        Outcome::Pass("none of the counters can be read".into())
    } else {
        Outcome::Residual(format!("{} can be read: volume over all tenants, no contents", open.join(", ")))
    })
}
