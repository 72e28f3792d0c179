//! the way round the check.

use super::quotas::*;
use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "Q-02",
    title: "Some way of making a row is not counted",
    severity: High,
    meaning: "A limit in one endpoint is not a limit: imports, clones, background jobs and SQL through the proxy make rows by other ways, and a table, partition or trigger that was forgotten lets them through uncounted.",
    method: "Reads the guards of every counted table and of all its partitions: each must be there, switched on, and run the guard of its resource. Then, as A, makes a row in every form (INSERT … SELECT, inside WITH, MERGE, ON CONFLICT) and by both wires: what is counted must rise by what came.",
    remedy: "Put the guard back as up.sql of the blueprint has it, on a new partition too; then count again with tenantry.quota_recalculate.",
    run: |stage| Box::pin(run(stage)),
};

use tenantry_blueprint::catalog::{Table, TableKind};
use tenantry_model::{Ident, QualifiedName};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for resource in &stage.blueprint.resources {
        tally.tried();
        for relation in relations(stage, &resource.table) {
            if let Some(what) = unguarded(stage, &resource.name, &resource.measure, relation) {
                tally.broke(&resource.name, format!("{what} on {}", relation.name));
            }
        }
    }
    for c in counted(stage, &mut tally) {
        stage.as_a.begin(Some(&stage.a)).await?;
        for shape in SHAPES {
            let Some(insert) = c.one_more(shape) else { continue };
            for wire in WIRES {
                tally.attempt();
                stage.as_a.client().batch_execute("SAVEPOINT one").await?;
                let before = c.used(&stage.as_a).await?;
                let answer = stage.as_a.say(&insert, wire).await?;
                if answer.rows() > 0 && c.used(&stage.as_a).await? == before && counts(&c, stage).await? {
                    tally.broke(c.name(), format!("a row made by {shape:?} is not counted"));
                }
                stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT one").await?;
            }
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish_static("counted resource", "every way of making a row is counted"))
}

/// The row that has just been made is one that counts: it is among the newest of the transaction.
async fn counts(c: &Counted<'_>, stage: &Stage) -> Result<bool, Stop> {
    let condition = c.resource.condition.as_deref().unwrap_or("true");
    let units = c.resource.column.as_ref().map_or_else(|| "true".to_owned(), |u| format!("tenantry_row.{} > 0", u.quoted()));
    let sql = format!(
        "SELECT count(*) FROM (SELECT FROM {} AS tenantry_row WHERE tenantry_row.{} = {} AND ({condition}) AND {units} \
         AND pg_catalog.age(tenantry_row.xmin) <= 0 LIMIT 1) x",
        c.table.sql,
        c.resource.tenant.quoted(),
        key(&stage.a)
    );
    Ok(stage.as_a.number(&sql).await? > 0)
}

/// The table and every partition of it that is there now.
fn relations<'a>(stage: &'a Stage, table: &QualifiedName) -> Vec<&'a Table> {
    let mut out: Vec<&Table> = stage.catalog.table(table).into_iter().collect();
    let mut at = 0;
    while let Some(parent) = out.get(at).copied() {
        out.extend(stage.catalog.children(&parent.name).filter(|t| t.kind == TableKind::Partition));
        at += 1;
    }
    out
}

/// What is wrong with the guards of a relation.
fn unguarded(stage: &Stage, resource: &str, measure: &str, relation: &Table) -> Option<String> {
    let known = stage.blueprint.resources.iter().find(|r| r.name == resource)?;
    let guard = tenantry_blueprint::quota::guard::names(resource, measure, relation.partition_key.is_none());
    let function = known_function(resource);
    for trigger in known.guards.get(&relation.name.to_string()).unwrap_or(&guard) {
        match relation.triggers.iter().find(|t| &t.name == trigger) {
            None => return Some(format!("there is no {trigger}")),
            Some(t) if !matches!(t.enabled, 'O' | 'A') => return Some(format!("{trigger} is switched off")),
            Some(t) if t.function != function => return Some(format!("{trigger} runs something else")),
            Some(_) => {}
        }
    }
    None
}

fn known_function(resource: &str) -> QualifiedName {
    QualifiedName::new(Ident::composed("tenantry", "", ""), Ident::composed("quota_guard_", resource, ""))
}
