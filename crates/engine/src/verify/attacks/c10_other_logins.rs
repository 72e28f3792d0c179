//! C-10: becoming another slot.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-10",
    title: "A login can become another login of the application",
    severity: High,
    meaning: "A login that is a member of all tenants' roles, or of other logins, becomes them with SET ROLE.",
    method: "As A, tries SET ROLE to every other login role of the cluster.",
    remedy: "Logins are members of the runtime group only: REVOKE the rest.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let roles = stage
        .list(&format!("SELECT rolname::text FROM pg_roles WHERE rolcanlogin AND rolname <> {} ORDER BY 1 LIMIT 500", literal(&stage.as_a.login)))
        .await?;
    stage.as_a.begin(Some(&stage.a)).await?;
    for role in roles {
        tally.tried();
        let sql = format!("SET LOCAL ROLE \"{}\"", role.replace('"', "\"\""));
        if matches!(stage.as_a.attempt(&sql, Wire::Simple).await?, Answer::Done { .. }) {
            tally.broke(format!("role {role}"), "the runtime login can become it");
        }
    }
    stage.as_a.end().await?;
    Ok(tally.finish_static("other login", "SET ROLE to it is refused"))
}
