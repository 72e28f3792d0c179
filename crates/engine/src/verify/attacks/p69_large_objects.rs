//! P-69: large objects have owners, not tenants.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-69",
    title: "Large objects are shared between tenants",
    severity: High,
    meaning: "Large objects have no row-level security: every session of the same login lists, reads and overwrites them.",
    method: "As B, makes a large object in a transaction that is rolled back, and in it asks as A's login for the right to read it; counts the large objects of the database and who owns them.",
    remedy: "Keep files in bytea columns of protected tables or outside the database; use one login per pooled connection; lo_compat_privileges must be off.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    tally.tried();
    let compat = stage.list("SELECT current_setting('lo_compat_privileges')").await?;
    if compat.first().map(String::as_str) == Some("on") {
        tally.broke("setting lo_compat_privileges", "switches every check of large objects off");
    }
    let shared = stage
        .list(&format!(
            "SELECT count(*)::text FROM pg_largeobject_metadata m WHERE EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname IN ({}) \
             AND (pg_has_role(r.oid, m.lomowner, 'USAGE') OR EXISTS (SELECT 1 FROM aclexplode(m.lomacl) x WHERE x.grantee = 0 OR pg_has_role(r.oid, x.grantee, 'USAGE'))))",
            stage.login_list()
        ))
        .await?;
    let n: u64 = shared.first().and_then(|s| s.parse().ok()).unwrap_or(0);
    if n > 0 {
        tally.broke("large objects", format!("{n} can be reached by the runtime, whatever the tenant"));
    }
    stage.as_a.begin(Some(&stage.a)).await?;
    tally.attempt();
    if stage.as_a.attempt("SELECT 1 FROM pg_catalog.pg_largeobject LIMIT 1", Wire::Simple).await?.code() == "ok" {
        tally.broke("pg_largeobject", "the runtime can read the pages of all large objects");
    }
    let creates = stage.as_a.attempt("SELECT pg_catalog.lo_create(0)", Wire::Simple).await?;
    stage.as_a.end().await?;
    Ok(match tally.finish("place", "no large object of others is in reach") {
        Outcome::Pass(evidence) if matches!(creates, Answer::Done { .. }) => Outcome::Residual(format!(
            "{evidence}; the runtime can make large objects, which belong to its login and to no tenant: revoke the lo_ functions if the application does not use them"
        )),
        other => other,
    })
}
