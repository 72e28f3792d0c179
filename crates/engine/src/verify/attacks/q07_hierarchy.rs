//! a limit for every child.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "Q-07",
    title: "Children together have more than their parent",
    severity: High,
    meaning: "If every child of a tenant has a limit of its own beside the parent's, a tenant makes a hundred children and has a hundred limits.",
    method: "Reads the counters as the admin: what a tenant gave its children must be the sum of their limits, and what it uses and gave together no more than it has. That no tenant gives or takes by itself is tried by Q-12.",
    remedy: "Set the limits of the children again with tenantry.quota_set_limit(child, resource, limit, parent), which refuses what the parent does not have.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    if stage.blueprint.resources.is_empty() {
        return Ok(tally.finish_static("counted resource", ""));
    }
    let rows = stage
        .look(
            "SELECT r.resource, (count(*) FILTER (WHERE w.wrong))::text FROM tenantry.quota_resource r LEFT JOIN ( \
               SELECT p.resource, p.given <> c.limits OR p.used + p.reserved + p.given > p.max_units AND c.children > 0 AS wrong \
               FROM tenantry.quota p CROSS JOIN LATERAL ( \
                 SELECT count(*) AS children, COALESCE(sum(c.max_units), 0) AS limits FROM tenantry.quota c \
                 WHERE c.parent = p.tenant AND c.resource = p.resource) c \
               WHERE p.given <> 0 OR c.children > 0 \
               UNION ALL SELECT c.resource, true FROM tenantry.quota c WHERE c.parent IS NOT NULL AND (c.max_units IS NULL \
                 OR NOT EXISTS (SELECT FROM tenantry.quota p WHERE p.tenant = c.parent AND p.resource = c.resource))) w \
               ON w.resource = r.resource GROUP BY r.resource ORDER BY r.resource",
        )
        .await?;
    for row in rows {
        tally.tried();
        if row[1] != "0" {
            tally.broke(&row[0], "children of a tenant have more than it gave them, or it gave more than it has");
        }
    }
    Ok(tally.finish_static("counted resource", "no tenant's children have more than it gave them, and none gave more than it has"))
}
