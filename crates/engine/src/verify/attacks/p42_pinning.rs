//! P-42: a child that pins another tenant's parent.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-42",
    title: "A row of one tenant pins a row of another",
    severity: Medium,
    meaning: "Under a foreign key without the tenant, B's child keeps A from deleting its own parent, and locks it.",
    method: "Reads from the catalog that every foreign key between protected tables, also those that do not cascade, carries the tenant.",
    remedy: "Make the foreign key composite, (tenant, id): `tenantry complete` drops the old one.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        for fk in &table.structure.foreign_keys {
            let Some(parent) = stage.subject(&fk.references) else { continue };
            if parent.class == tenantry_blueprint::classify::Class::Root {
                continue;
            }
            tally.tried();
            if carries_tenant(table, parent, fk) == Some(false) && !guarded(table, fk) {
                tally.broke(format!("{} / {}", table.table, fk.name), "refers to a row without naming its tenant");
            }
        }
    }
    Ok(tally.finish_static("foreign key between protected tables", "it carries the tenant"))
}
