//! P-21: tenants that are equal without being the same.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-21",
    title: "Two tenants are equal under the tenant column's collation",
    severity: High,
    meaning: "Under a nondeterministic collation, citext or char(n), 'Acme', 'ACME' and 'acme ' are equal: two tenants under one policy.",
    method: "Reads type and collation of the tenant column of every protected table.",
    remedy: "Make the column uuid, a number, or text with a deterministic collation.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        let Some(column) = table.tenant_column().and_then(|c| table.structure.column(c.as_str())) else { continue };
        tally.tried();
        if column.key_kind().is_none() {
            tally.broke(&table.table, format!("tenant column of type {}", column.data_type));
        } else if !column.collation_deterministic {
            tally.broke(&table.table, "nondeterministic collation");
        }
    }
    Ok(tally.finish("tenant column", "equal means the same"))
}
