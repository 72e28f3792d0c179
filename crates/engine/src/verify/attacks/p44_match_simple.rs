//! P-44: a foreign key that does not look when a column is NULL.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-44",
    title: "A NULL in the tenant switches a composite foreign key off",
    severity: Medium,
    meaning: "A composite foreign key is not checked when any of its columns is NULL: with a nullable tenant column, a row without a tenant refers to anybody's row.",
    method: "Reads the composite foreign keys of protected tables: the tenant column must be NOT NULL, the key MATCH FULL, or a policy must keep rows without a tenant from being written (which P-16 tries).",
    remedy: "SET NOT NULL on the tenant column (registry: null_tenant = \"never\"), or MATCH FULL.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        let Some(column) = table.tenant_column().and_then(|c| table.structure.column(c.as_str())) else { continue };
        for fk in table.structure.foreign_keys.iter().filter(|f| f.columns.len() > 1 && f.columns.contains(&column.name)) {
            tally.tried();
            let guarded = table.structure.policies.iter().any(|p| binds(stage, table, p, 'a') && refuses_null(table, p));
            if !column.not_null && !fk.match_full && !guarded {
                tally.broke(format!("{} / {}", table.table, fk.name), "not checked for rows without a tenant, which can be written");
            }
        }
    }
    Ok(tally.finish_static("composite foreign key with the tenant", "no row can avoid it"))
}

/// `column = tenant` is not true for NULL, and so refuses it; an `OR … IS NULL` lets it in.
fn refuses_null(table: &Subject, policy: &tenantry_blueprint::catalog::Policy) -> bool {
    let check = policy.check.as_deref().or(policy.using.as_deref()).unwrap_or("true");
    table.tenant_column().is_none() || !check.contains("IS NULL")
}
