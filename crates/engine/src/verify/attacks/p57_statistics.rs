//! P-57: the values the planner remembers.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-57",
    title: "The planner's statistics show other tenants' values",
    severity: High,
    meaning: "pg_stats and pg_stats_ext hold the most common values of every column, over all tenants. The server hides them from whoever is under row-level security, unless a partition has none, or the views were never repaired (CVE-2024-4317).",
    method: "As A, counts the rows of pg_stats, pg_stats_ext and pg_stats_ext_exprs about protected tables and partitions, and tries to read pg_statistic itself.",
    remedy: "Enable row-level security on the partition; after an upgrade run the server's fix-CVE-2024-4317.sql.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    stage.as_a.begin(Some(&stage.a)).await?;
    for table in &stage.subjects {
        tally.tried();
        let (schema, name) = (literal(table.table.schema.as_str()), literal(table.table.name.as_str()));
        for view in ["pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"] {
            tally.attempt();
            let sql = format!("SELECT 1 FROM pg_catalog.{view} WHERE schemaname = {schema} AND tablename = {name} LIMIT 1");
            if stage.as_a.attempt(&sql, Wire::Simple).await?.rows() > 0 {
                tally.broke(&table.table, format!("{view} shows its values"));
            }
        }
    }
    for catalog in ["pg_statistic", "pg_statistic_ext_data"] {
        tally.attempt();
        if stage.as_a.attempt(&format!("SELECT 1 FROM pg_catalog.{catalog} LIMIT 1"), Wire::Simple).await?.rows() > 0 {
            tally.broke(catalog, "the runtime can read it");
        }
    }
    stage.as_a.end().await?;
    Ok(tally.finish("table", "its statistics are hidden"))
}
