//! P-38: rules run with their owner's rights.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-38",
    title: "A rule carries rows past the policies",
    severity: High,
    meaning: "A rule (CREATE RULE … DO ALSO) runs with the rights of its owner and bypasses the policies of the table it writes.",
    method: "Lists the rules of tables the runtime can write, other than those of views; the owner must be bound by policies.",
    remedy: "Replace the rule with a trigger, or give the table to the owner role that policies bind.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT w.ev_class::regclass::text || ' / ' || w.rulename, (o.rolsuper OR o.rolbypassrls)::text \
             FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_roles o ON o.oid = c.relowner \
             WHERE w.rulename <> '_RETURN' AND w.ev_enabled <> 'D' AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema') \
             AND EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname IN ({}) AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')) ORDER BY 1",
            stage.login_list()
        ))
        .await?;
    for row in rows {
        tally.tried();
        if row[1] == "true" {
            tally.broke(&row[0], "runs with the rights of an owner whom policies do not bind");
        }
    }
    Ok(tally.finish_static("rule in the runtime's reach", "its owner is bound by the policies"))
}
