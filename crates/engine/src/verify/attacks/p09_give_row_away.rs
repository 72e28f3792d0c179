//! P-09: a row changes its tenant by UPDATE.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-09",
    title: "A row changes its tenant by UPDATE",
    severity: Critical,
    meaning: "An UPDATE of the tenant column gives a row away (spam, planted data) or pulls another tenant's row in (theft).",
    method: "As A, updates its own row without changing it (which must work), then sets its tenant to B and to NULL (must raise 42501 or a NOT NULL error), then tries to make B's row its own, with and without naming it (must touch no row). UPDATE with and without WHERE (without, the policy for reading does not guard it), UPDATE … FROM, MERGE, in both protocols. Where the registry names a second level, the same between two units of a tenant, and with rows of the whole tenant.",
    remedy: "Put the restrictive policy back: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in stage.writable() {
        let Some((a, b)) = both(table, &mut tally) else { continue };
        let Some(bound) = table.bound_to_b(&stage.b) else {
            tally.left(&table.table, "rows are bound through others' references");
            continue;
        };
        let name = &table.sql;
        let own = a.values.clone();
        let set = |to: &dyn Fn(&tenantry_model::Ident, &str) -> String| {
            bound.iter().map(|(c, v)| format!("{} = {}", c.quoted(), to(c, v))).collect::<Vec<_>>().join(", ")
        };
        let same = set(&|c, _| format!("t.{}", c.quoted()));
        let to_b = set(&|_, v| v.to_owned());
        let to_a = set(&|c, _| own.get(c.as_str()).cloned().unwrap_or_else(|| "NULL".into()));
        let to_null = set(&|_, _| "NULL".into());
        let (mine, theirs) = (&a.is_it, &b.is_it);
        stage.as_a.begin(Some(&stage.a)).await?;
        let control = stage.as_a.attempt(&format!("UPDATE {name} t SET {same} WHERE {mine}"), Wire::Simple).await?;
        if control.rows() == 0 {
            tally.left(&table.table, format!("tenant A cannot update its own row: {}", control.code()));
            stage.as_a.end().await?;
            continue;
        }
        tally.tried();
        let mut away = vec![
            format!("UPDATE {name} t SET {to_b} WHERE {mine}"),
            format!("UPDATE {name} t SET {to_b} FROM (SELECT 1) x WHERE {mine}"),
            format!("MERGE INTO {name} t USING (SELECT 1) x ON {mine} WHEN MATCHED THEN UPDATE SET {to_b}"),
        ];
        if a.rows <= stage.limits.rows_max {
            // Without WHERE nothing is read, and the policy for reading does not look at the new row either.
            away.push(format!("UPDATE {name} SET {to_b}"));
        }
        for sql in &away {
            for wire in WIRES {
                tally.attempt();
                if let Some(seen) = landed(stage, table, sql, wire).await? {
                    tally.broke(&table.table, format!("a row was given away: {seen}"));
                }
                stage.as_a.enter(&stage.a).await?;
            }
        }
        // NULL in the tenant column: gone from everybody, or, where NULL means shared, shown to everybody.
        let nulled = stage.as_a.attempt(&format!("UPDATE {name} t SET {to_null} WHERE {mine}"), Wire::Simple).await?;
        if nulled.rows() > 0 && table.tenant_column().is_some() {
            tally.broke(&table.table, "a row was taken out of its tenant");
        }
        for sql in [
            format!("UPDATE {name} t SET {to_a} WHERE {theirs}"),
            format!("UPDATE {name} t SET {to_a} WHERE {}", table.foreign_to(&stage.a)),
            format!("MERGE INTO {name} t USING (SELECT 1) x ON {theirs} WHEN MATCHED THEN UPDATE SET {to_a}"),
        ] {
            for wire in WIRES {
                tally.attempt();
                let answer = stage.as_a.attempt(&sql, wire).await?;
                if answer.rows() > 0 || answer.is_constraint() {
                    tally.broke(&table.table, "another tenant's row was pulled in");
                }
            }
        }
        stage.as_a.end().await?;
    }
    super::units::move_rows(stage, &mut tally).await?;
    Ok(tally.finish("table", "rows stay with their tenant"))
}
