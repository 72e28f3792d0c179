//! P-10: permissive policies are OR-ed: one too many opens the table.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-10",
    title: "Tenant A reads rows of tenant B",
    severity: Critical,
    meaning: "Permissive policies are OR-ed: one more of them (USING (true), is_public, owner_id = …) opens every tenant, unless the tenant's own policy is RESTRICTIVE.",
    method: "Reads the policies: the tenant's must be RESTRICTIVE, for everybody and for all commands. Then, as A, reads its own row (which must work) and B's: by key, by tenant, by everything that is not A's, in joins and sub-selects, in both protocols, in a transaction, in a savepoint and after a failed statement. Where the registry names a second level, as one unit of a tenant the rows of another.",
    remedy: "Make the tenant policy RESTRICTIVE again, and drop the extra policy: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        for (command, word) in COMMANDS {
            if !table.structure.policies.iter().any(|p| binds(stage, table, p, command)) {
                tally.broke(&table.table, format!("no restrictive tenant policy for everybody on {word}"));
            }
        }
    }
    stage.as_a.begin(Some(&stage.a)).await?;
    for table in stage.tables() {
        if let (Some(a), None) = (&table.a, &table.b) {
            // Nothing of B to steal: B is the thief, and must see nothing here.
            let mine = format!("SELECT 1 FROM {} t WHERE {}", table.sql, a.is_it);
            if stage.as_a.attempt(&mine, Wire::Simple).await?.rows() > 0 {
                tally.tried();
                stage.as_b.begin(Some(&stage.b)).await?;
                for wire in WIRES {
                    tally.attempt();
                    if stage.as_b.attempt(&mine, wire).await?.rows() > 0 {
                        tally.broke(&table.table, "tenant A's rows are visible to a tenant that has none");
                    }
                }
                stage.as_b.end().await?;
                continue;
            }
        }
        let Some((a, b)) = both(table, &mut tally) else { continue };
        let name = &table.sql;
        let control = stage.as_a.attempt(&format!("SELECT 1 FROM {name} t WHERE {}", a.is_it), Wire::Simple).await?;
        if control.rows() == 0 {
            tally.left(&table.table, format!("tenant A cannot read its own row: {}", control.code()));
            continue;
        }
        tally.tried();
        let (theirs, foreign, of_b) = (&b.is_it, table.foreign_to(&stage.a), table.owned_by(&stage.b));
        let spellings = [
            format!("SELECT 1 FROM {name} t WHERE {theirs} LIMIT 1"),
            format!("SELECT 1 FROM {name} t WHERE {foreign} LIMIT 1"),
            format!("SELECT 1 FROM {name} t WHERE {of_b} LIMIT 1"),
            format!("SELECT 1 FROM (SELECT * FROM {name} OFFSET 0) t WHERE {foreign} LIMIT 1"),
            format!(
                "SELECT 1 FROM (VALUES (1)) v(x) LEFT JOIN {name} t ON {foreign} WHERE t.tableoid IS NOT NULL LIMIT 1"
            ),
            format!("SELECT 1 FROM (VALUES (1)) v(x) WHERE EXISTS (SELECT 1 FROM {name} t WHERE {foreign})"),
            format!("SELECT 1 FROM {name} t WHERE {foreign} LIMIT 1 FOR UPDATE"),
            format!("SELECT 1 FROM ONLY {name} t WHERE {foreign} LIMIT 1"),
        ];
        for sql in &spellings {
            for wire in WIRES {
                tally.attempt();
                if stage.as_a.attempt(sql, wire).await?.rows() > 0 {
                    tally.broke(&table.table, "tenant B's rows are visible to tenant A");
                }
            }
        }
        // After a failure the context is as before.
        stage.as_a.attempt("SELECT 1/0", Wire::Simple).await?;
        tally.attempt();
        if stage.as_a.attempt(&spellings[1], Wire::Simple).await?.rows() > 0 {
            tally.broke(&table.table, "tenant B's rows are visible after a failed statement");
        }
    }
    stage.as_a.end().await?;
    super::units::read(stage, &mut tally).await?;
    Ok(tally.finish("table", "no row of another tenant was visible"))
}
