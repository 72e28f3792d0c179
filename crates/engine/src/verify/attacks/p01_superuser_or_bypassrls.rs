//! P-01: a runtime login to which policies do not apply.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-01",
    title: "The runtime login is a superuser or has BYPASSRLS",
    severity: Critical,
    meaning: "Row-level security does not apply to superusers and to roles with BYPASSRLS. If the application connects as one, every policy is decoration.",
    method: "Asks the server about the login the attack runs under, on its own connection, and then counts the rows of every protected table without naming a tenant.",
    remedy: "ALTER ROLE … NOSUPERUSER NOBYPASSRLS, or let the application use the logins that `tenantry apply` made.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for n in 0..stage.logins.len() {
        let login = stage.logins[n].user();
        let bad = stage
            .list(&format!(
                "SELECT rolname::text FROM pg_roles WHERE rolname = {} AND (rolsuper OR rolbypassrls)",
                literal(login)
            ))
            .await?;
        tally.tried();
        if !bad.is_empty() {
            tally.broke(format!("login {login}"), "policies do not apply to it");
        }
    }
    let session = stage.fresh(0).await?;
    session.begin(None).await?;
    for table in stage.tables() {
        let seen = session.attempt(&format!("SELECT 1 FROM {} t LIMIT 1", table.sql), Wire::Simple).await?;
        if seen.rows() > 0 {
            tally.broke(&table.table, "rows are visible without a tenant");
        }
    }
    session.end().await?;
    session.close().await;
    Ok(tally.finish("login", "policies apply to it, and no protected table gives a row without a tenant"))
}
