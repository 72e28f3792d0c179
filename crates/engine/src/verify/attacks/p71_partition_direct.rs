//! P-71: a partition asked by its own name.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-71",
    title: "A partition is read past its parent's policies",
    severity: Critical,
    meaning: "Only the policies of the table that is named apply: a partition or inheritance child without its own shows everybody's rows to whoever has a grant on it, and a new partition has none.",
    method: "For every partition and child of a protected table: row-level security must be on and forced with a restrictive tenant policy, and the runtime should have no right on it. As A, reads and writes each by its own name, with and without a tenant; B's rows are looked for.",
    remedy: "Run `tenantry apply` for the new partition, and revoke rights on partitions: the application needs the parent only.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let nobody = stage.fresh(0).await?;
    for parent in stage.tables() {
        let rows = stage
            .look(&format!(
                "WITH RECURSIVE c(oid) AS (SELECT inhrelid FROM pg_inherits WHERE inhparent = {0}::regclass \
                 UNION SELECT i.inhrelid FROM pg_inherits i JOIN c ON i.inhparent = c.oid) \
                 SELECT c.oid::regclass::text, quote_ident(n.nspname) || '.' || quote_ident(k.relname), \
                 (k.relrowsecurity AND k.relforcerowsecurity)::text, \
                 EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive AND (p.polroles = '{{0}}' \
                   OR NOT EXISTS (SELECT 1 FROM pg_policy o, unnest(o.polroles) AS r(role) WHERE o.polrelid = c.oid AND o.polpermissive \
                     AND (r.role = 0 OR r.role <> ALL (p.polroles) AND pg_get_userbyid(r.role) <> {1}))))::text \
                 FROM c JOIN pg_class k ON k.oid = c.oid JOIN pg_namespace n ON n.oid = k.relnamespace ORDER BY 1",
                literal(&parent.sql),
                literal(stage.blueprint.roles.keeper.as_str())
            ))
            .await?;
        for row in rows {
            tally.tried();
            let (name, sql) = (&row[0], &row[1]);
            if row[2] != "true" {
                tally.broke(name, "row-level security is not on and forced");
            } else if row[3] != "true" {
                tally.broke(name, "no restrictive tenant policy of its own");
            }
            tally.attempt();
            if nobody.say(&format!("SELECT 1 FROM {sql} t LIMIT 1"), Wire::Simple).await?.rows() > 0 {
                tally.broke(name, "gives rows without a tenant");
            }
            stage.as_a.begin(Some(&stage.a)).await?;
            for wire in WIRES {
                tally.attempt();
                let read = format!("SELECT 1 FROM {sql} t WHERE {} LIMIT 1", parent.foreign_to(&stage.a));
                if stage.as_a.attempt(&read, wire).await?.rows() > 0 {
                    tally.broke(name, "tenant B's rows are visible in it");
                }
            }
            stage.as_a.end().await?;
        }
    }
    nobody.close().await;
    Ok(tally.finish_static("partition", "protected by itself"))
}
