//! P-46: ON CONFLICT as a silent question.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-46",
    title: "ON CONFLICT DO NOTHING tells what another tenant has",
    severity: High,
    meaning: "`INSERT … ON CONFLICT DO NOTHING` answers INSERT 0 0 or 0 1 without an error or a log line: a bulk oracle over a unique constraint that spans tenants.",
    method: "As A, inserts a copy of its own row with ON CONFLICT DO NOTHING (control), then with B's values in each unique constraint that holds the tenant: both must say the same.",
    remedy: "Put the tenant first in the constraint: `tenantry apply` and `complete`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let mut kept = 0;
    for table in stage.writable() {
        let (Some(_), Some(b)) = (&table.a, &table.b) else { continue };
        for index in table.structure.indexes.iter().filter(|i| i.unique && !is_primary(table, i)) {
            if stage.global_unique(table, index).is_some() {
                kept += 1;
                continue;
            }
            let columns: Vec<_> = index.keys.iter().filter_map(|k| k.column.clone()).collect();
            if within_owner(stage, table, &columns) {
                continue;
            }
            let set: Option<Vec<_>> = columns
                .iter()
                .filter(|c| Some(*c) != table.tenant_column())
                .map(|c| Some((c.clone(), b.values.get(c.as_str())?.clone())))
                .collect();
            let Some(set) = set.filter(|s| !s.is_empty()) else { continue };
            let object = format!("{} / {}", table.table, index.name);
            let target = columns.iter().map(|c| c.quoted()).collect::<Vec<_>>().join(", ");
            let ask = |set: &[_]| {
                let sql = table.copy_row(set, Shape::Select).unwrap_or_default();
                match (&index.predicate, index.keys.iter().all(|k| k.column.is_some())) {
                    (None, true) => format!("{sql} ON CONFLICT ({target}) DO NOTHING"),
                    _ => format!("{sql} ON CONFLICT DO NOTHING"),
                }
            };
            stage.as_a.begin(Some(&stage.a)).await?;
            if stage.as_a.attempt(&table.having(&set), Wire::Simple).await?.rows() > 0 {
                stage.as_a.end().await?;
                continue; // A has these values too: its own row would be hit
            }
            let control = stage.as_a.attempt(&ask(&[]), Wire::Simple).await?;
            let guess = stage.as_a.attempt(&ask(&set), Wire::Simple).await?;
            stage.as_a.end().await?;
            match (control.rows(), &guess) {
                (0, _) => tally.left(&object, format!("tenant A cannot insert a copy of its own row: {}", control.code())),
                (_, Answer::Done { rows: 0, .. }) => {
                    tally.tried();
                    tally.broke(&object, "answers INSERT 0 0 for a value only tenant B has");
                }
                _ => tally.tried(),
            }
        }
    }
    if kept > 0 {
        tally.note(format!("{kept} constraints stay global by the registry or as surrogate keys"));
    }
    Ok(tally.finish_static("unique constraint", "B's value is taken like any other"))
}
