//! C-14: workers that have to know the tenant too.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-14",
    title: "Parallel workers see another tenant, or none",
    severity: Medium,
    meaning: "Workers of a parallel query run in other processes: what tells them the tenant must come along.",
    method: "As A, reads every protected table with parallel query forced and without: the same number of rows, none of B's.",
    remedy: "Mark the context functions PARALLEL RESTRICTED: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let forced = if stage.catalog.server_version_num >= 160_000 { "debug_parallel_query" } else { "force_parallel_mode" };
    for table in stage.tables() {
        let Some(sample) = own(table, &mut tally) else { continue };
        if sample.rows > stage.limits.rows_max {
            tally.left(&table.table, "tenant A has too many rows to count them twice");
            continue;
        }
        tally.tried();
        let count = format!("SELECT 1 FROM {} t", table.sql);
        let foreign = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(&stage.a));
        // One snapshot, so that writes of others between the two counts do not matter.
        stage.as_a.begin(None).await?;
        stage.as_a.say("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", Wire::Simple).await?;
        stage.as_a.enter(&stage.a).await?;
        let plain = stage.as_a.say(&count, Wire::Simple).await?;
        for setting in [format!("{forced} = on"), "parallel_setup_cost = 0".into(), "parallel_tuple_cost = 0".into(), "min_parallel_table_scan_size = 0".into()] {
            stage.as_a.say(&format!("SET LOCAL {setting}"), Wire::Simple).await?;
        }
        tally.attempt();
        let parallel = stage.as_a.attempt(&count, Wire::Simple).await?;
        if stage.as_a.attempt(&foreign, Wire::Simple).await?.rows() > 0 {
            tally.broke(&table.table, "parallel workers show tenant B's rows");
        } else if parallel.rows() != plain.rows() {
            tally.broke(&table.table, "parallel workers see other rows than the leader");
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish("table", "parallel or not, the same rows"))
}
