//! P-47: the expression of DO UPDATE on another tenant's row.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-47",
    title: "ON CONFLICT DO UPDATE evaluates on another tenant's row",
    severity: Critical,
    meaning: "CVE-2026-120154: on a conflict, old servers evaluated the DO UPDATE's WHERE and SET on the other tenant's row before the policy, so that an error text prints its values.",
    method: "As A, inserts a copy of its own row that conflicts with itself (control: the expression is evaluated), then one that carries B's primary key, with an expression that divides by zero on B's row only. Division by zero means it was evaluated there.",
    remedy: "Install the server's newest minor release (see P-86), and let unique keys begin with the tenant.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in stage.writable() {
        let Some(primary) = &table.structure.primary_key else { continue };
        let Some((a, b)) = both(table, &mut tally) else { continue };
        let Some(column) = table.idle_column() else { continue };
        let set = |values: &std::collections::BTreeMap<String, String>| -> Option<Vec<_>> {
            primary.columns.iter().filter(|c| Some(*c) != table.tenant_column())
                .map(|c| Some((c.clone(), values.get(c.as_str())?.clone()))).collect()
        };
        let (Some(own), Some(theirs)) = (set(&a.values), set(&b.values)) else { continue };
        if theirs.is_empty() || own == theirs {
            continue;
        }
        let target = primary.columns.iter().map(|c| c.quoted()).collect::<Vec<_>>().join(", ");
        let ask = |set: &[_], row: &str| {
            format!(
                "{} ON CONFLICT ({target}) DO UPDATE SET {column} = t2.{column} WHERE 1 / (CASE WHEN {} THEN 0 ELSE 1 END) = 1",
                table.copy_row(set, Shape::Select).unwrap_or_default().replacen(&format!("INSERT INTO {}", table.sql), &format!("INSERT INTO {} AS t2", table.sql), 1),
                row.replace("t.", "t2.")
            )
        };
        stage.as_a.begin(Some(&stage.a)).await?;
        let control = stage.as_a.attempt(&ask(&own, &a.is_it), Wire::Simple).await?;
        if control.code() != "22012" {
            tally.left(&table.table, format!("tenant A's own conflict gives {}", control.code()));
        } else {
            tally.tried();
            for wire in WIRES {
                tally.attempt();
                let answer = stage.as_a.attempt(&ask(&theirs, &b.is_it), wire).await?;
                if answer.code() == "22012" {
                    tally.broke(&table.table, "the expression was evaluated on tenant B's row");
                }
            }
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish("table", "the expression never saw another tenant's row"))
}
