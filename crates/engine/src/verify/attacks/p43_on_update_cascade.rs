//! P-43: children that move with their parent.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-43",
    title: "ON UPDATE CASCADE moves rows to another tenant",
    severity: High,
    meaning: "ON UPDATE CASCADE on a key that holds the tenant moves the children along without any policy's check.",
    method: "Reads the foreign keys of protected tables: none whose columns hold the tenant may be ON UPDATE CASCADE, unless the parent's tenant column is its own key and guarded by the policy (the root).",
    remedy: "Make it ON UPDATE NO ACTION: a tenant column never changes.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        for fk in &table.structure.foreign_keys {
            let Some(parent) = stage.subject(&fk.references) else { continue };
            tally.tried();
            let of_tenant = table.tenant_column().is_some_and(|c| fk.columns.contains(c));
            let root = parent.class == tenantry_blueprint::classify::Class::Root;
            if of_tenant && !root && fk.on_update == tenantry_blueprint::catalog::Action::Cascade {
                tally.broke(format!("{} / {}", table.table, fk.name), "ON UPDATE CASCADE on the tenant");
            }
        }
    }
    Ok(tally.finish_static("foreign key between protected tables", "the tenant in it does not cascade"))
}
