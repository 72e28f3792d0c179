//! P-45: a unique value that somebody else has.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-45",
    title: "A unique constraint tells what another tenant has",
    severity: High,
    meaning: "A unique constraint over all tenants answers whether somebody has this e-mail, slug or external id: 23505 or not. Row-level security does not hide that.",
    method: "Reads the unique constraints and indexes of protected tables: each must hold the tenant, unless the registry keeps it global with a reason, or its values cannot be guessed or say nothing (surrogate keys that the primary key holds). Then, as A, inserts a copy of its own row with B's value in each tenant-wide unique: it must not answer 23505.",
    remedy: "Put the tenant first in the constraint (`tenantry apply` and `complete`), or register it under global_uniques with a reason.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let mut kept = 0;
    for table in stage.tables() {
        for index in table.structure.indexes.iter().filter(|i| i.unique && !is_primary(table, i)) {
            let object = format!("{} / {}", table.table, index.name);
            let columns: Vec<_> = index.keys.iter().filter_map(|k| k.column.clone()).collect();
            if names_tenant(table, &columns) {
                tally.tried();
                continue;
            }
            if let Some(reason) = stage.global_unique(table, index) {
                kept += 1;
                tally.note(format!("{object} stays global: {reason}"));
                continue;
            }
            tally.tried();
            if !within_owner(stage, table, &columns) {
                tally.broke(&object, "unique over all tenants");
            }
        }
        let (Some(_), Some(b)) = (&table.a, &table.b) else { continue };
        if !table.writable {
            continue;
        }
        stage.as_a.begin(Some(&stage.a)).await?;
        for index in table.structure.indexes.iter().filter(|i| i.unique && !is_primary(table, i)) {
            let columns: Vec<_> = index.keys.iter().filter_map(|k| k.column.clone()).collect();
            let free: Vec<_> = columns.iter().filter(|c| Some(*c) != table.tenant_column()).collect();
            let value = |c: &&tenantry_model::Ident| Some(((**c).clone(), b.values.get(c.as_str())?.clone()));
            let Some(set) = free.iter().map(value).collect::<Option<Vec<_>>>() else { continue };
            if set.is_empty() || stage.global_unique(table, index).is_some() || !names_tenant(table, &columns) {
                continue;
            }
            let Some(sql) = table.copy_row(&set, Shape::Select) else { continue };
            if stage.as_a.attempt(&table.having(&set), Wire::Simple).await?.rows() > 0 {
                continue; // A has these values too: its own row would be hit
            }
            tally.attempt();
            if let Answer::Refused { code, message, .. } = stage.as_a.attempt(&sql, Wire::Simple).await? {
                // The message names the constraint that was hit; another one may well refuse the copy.
                if code == "23505" && message.contains(&format!("\"{}\"", index.name)) {
                    tally.broke(format!("{} / {}", table.table, index.name), "answers 23505 for a value only tenant B has");
                }
            }
        }
        stage.as_a.end().await?;
    }
    let outcome = tally.finish_static("unique constraint", "it holds the tenant");
    Ok(match outcome {
        Outcome::Pass(evidence) if kept > 0 => Outcome::Residual(evidence),
        other => other,
    })
}
