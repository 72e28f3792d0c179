//! P-40: a child of A under a parent of B.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-40",
    title: "A row of tenant A refers to a row of tenant B",
    severity: High,
    meaning: "Checks of foreign keys bypass policies: with a key on the id alone, tenant A hangs a row under tenant B's parent, and learns from the answer whether an id exists.",
    method: "Reads the foreign keys between protected tables: each must carry the tenant. Then, as A, copies a row of its own (which must work) with a reference to B's row and with a reference to a row that does not exist: both must fail, and alike.",
    remedy: "Make the foreign key composite, (tenant, id): `tenantry apply` and `tenantry complete`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in stage.writable() {
        for fk in &table.structure.foreign_keys {
            let Some(parent) = stage.subject(&fk.references).filter(|p| p.partition_of.is_none()) else { continue };
            if parent.class == tenantry_blueprint::classify::Class::Root {
                continue;
            }
            let object = format!("{} / {}", table.table, fk.name);
            if table.a.is_none() || parent.b.is_none() {
                tally.left(&object, "a row of tenant A here and one of tenant B there are needed");
                continue;
            }
            let parent_b = parent.b.as_ref().and_then(|b| {
                fk.columns.iter().zip(&fk.referenced_columns)
                    .filter(|(from, _)| Some(*from) != table.tenant_column())
                    .map(|(from, to)| Some((from.clone(), b.values.get(to.as_str())?.clone())))
                    .collect::<Option<Vec<_>>>()
            });
            let Some(to_b) = parent_b.filter(|s| !s.is_empty()) else {
                tally.left(&object, "tenant B's row has no value to refer to");
                continue;
            };
            stage.as_a.begin(Some(&stage.a)).await?;
            stage.as_a.say("SET CONSTRAINTS ALL IMMEDIATE", Wire::Simple).await?;
            let copy = |set: &[_]| table.copy_row(set, Shape::Select).unwrap_or_default();
            let control = stage.as_a.attempt(&copy(&[]), Wire::Simple).await?;
            if control.rows() == 0 && !control.is_constraint() {
                tally.left(&object, format!("tenant A cannot insert a copy of its own row: {}", control.code()));
            } else {
                tally.tried();
                let linked = stage.as_a.attempt(&copy(&to_b), Wire::Simple).await?;
                tally.attempt();
                // A unique index may stop the copy before the reference is looked at; the UPDATE below has no such excuse.
                if linked.rows() > 0 {
                    tally.broke(&object, "a row of tenant A refers to tenant B's");
                }
                if let Some(sample) = &table.a {
                    let set: Vec<String> = to_b.iter().map(|(c, v)| format!("{} = {v}", c.quoted())).collect();
                    let sql = format!("UPDATE {} t SET {} WHERE {}", table.sql, set.join(", "), sample.is_it);
                    tally.attempt();
                    if stage.as_a.attempt(&sql, Wire::Simple).await?.rows() > 0 {
                        tally.broke(&object, "a row of tenant A was made to refer to tenant B's");
                    }
                }
            }
            stage.as_a.end().await?;
        }
    }
    Ok(tally.finish_static("foreign key between protected tables", "tenant B's row is refused like one that does not exist"))
}
