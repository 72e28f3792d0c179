//! P-41: a DELETE that crosses over.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-41",
    title: "A cascade crosses to another tenant",
    severity: Critical,
    meaning: "ON DELETE CASCADE and SET NULL bypass policies. Where a row of one tenant hangs under a parent of another, deleting the parent destroys or changes it.",
    method: "Looks as B, in the transaction in which A deletes a parent of its own, whether B lost rows; and reads from the catalog that no cascading foreign key between protected tables leaves out the tenant.",
    remedy: "Make the foreign key composite, (tenant, id): `tenantry complete` drops the old one.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        for fk in &table.structure.foreign_keys {
            let Some(parent) = stage.subject(&fk.references) else { continue };
            if !acts(fk) || parent.class == tenantry_blueprint::classify::Class::Root {
                continue;
            }
            tally.tried();
            if carries_tenant(table, parent, fk) == Some(false) && !guarded(table, fk) {
                tally.broke(format!("{} / {}", table.table, fk.name), "cascades without the tenant in the key");
            }
        }
    }
    for parent in stage.writable() {
        let children: Vec<&Subject> = stage
            .tables()
            .filter(|c| c.b.is_some() && c.structure.foreign_keys.iter().any(|f| f.references == parent.table && acts(f)))
            .collect();
        let Some(sample) = parent.a.as_ref().filter(|_| !children.is_empty()) else { continue };
        stage.as_a.begin(Some(&stage.a)).await?;
        for child in children {
            let look = format!("SELECT 1 FROM {} t WHERE {}", child.sql, child.owned_by(&stage.b));
            stage.as_a.enter(&stage.b).await?;
            let before = stage.as_a.say(&look, Wire::Simple).await?.rows();
            stage.as_a.enter(&stage.a).await?;
            let delete = format!("DELETE FROM {} t WHERE {}", parent.sql, sample.is_it);
            let (_, after) = stage.as_a.attempt_then(&delete, Wire::Simple, &stage.b, &look).await?;
            tally.attempt();
            // Rows that B itself deletes meanwhile are visible too: look again before blaming the cascade.
            if after.is_some_and(|a| a.rows() < before) && stage.as_a.say(&look, Wire::Simple).await?.rows() >= before {
                tally.broke(&child.table, "tenant B lost rows by a DELETE of tenant A");
            }
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish_static("cascading foreign key between protected tables", "it stays inside the tenant"))
}
