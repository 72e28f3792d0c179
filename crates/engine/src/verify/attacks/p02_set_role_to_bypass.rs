//! P-02: SET ROLE to somebody whom policies do not bind.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-02",
    title: "The runtime login can become a role that bypasses the policies",
    severity: Critical,
    meaning: "A login that is a member, directly or through others, of a superuser, of a BYPASSRLS role or of a table's owner becomes that role with one SET ROLE.",
    method: "Walks the memberships of the login, and tries SET ROLE to every role of the cluster that bypasses policies or owns a protected table.",
    remedy: "REVOKE the membership from the runtime group and its logins.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let powerful = stage
        .list(&format!(
            "SELECT rolname::text FROM pg_roles r WHERE rolsuper OR rolbypassrls \
             OR oid IN (SELECT relowner FROM pg_class WHERE oid IN ({})) ORDER BY 1",
            stage.subject_list()
        ))
        .await?;
    let session = &stage.as_a;
    for role in powerful {
        let quoted = format!("\"{}\"", role.replace('"', "\"\""));
        tally.tried();
        for sql in [format!("SET ROLE {quoted}"), format!("SET LOCAL ROLE {quoted}"), format!("SET SESSION AUTHORIZATION {quoted}"),
            format!("SELECT pg_catalog.set_config('role', {}, true)", literal(&role))] {
            session.begin(Some(&stage.a)).await?;
            let answer = session.attempt(&sql, Wire::Simple).await?;
            session.end().await?;
            tally.attempt();
            if matches!(answer, Answer::Done { .. }) {
                tally.broke(format!("role {role}"), "the runtime login can become it");
            }
        }
    }
    Ok(tally.finish("powerful role", "SET ROLE to it is refused"))
}
