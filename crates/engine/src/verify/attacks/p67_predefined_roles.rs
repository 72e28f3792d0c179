//! P-67: rights that come with the server.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-67",
    title: "The runtime is a member of a predefined role",
    severity: Critical,
    meaning: "pg_read_all_data, pg_write_all_data, pg_monitor, pg_signal_backend, pg_read_server_files and their kin give rights over all tenants, or over the server.",
    method: "Reads the memberships of the runtime logins, direct and through other roles.",
    remedy: "REVOKE the predefined role from the runtime group and its logins.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT DISTINCT p.rolname::text, r.rolname::text FROM pg_roles p, pg_roles r WHERE p.rolname LIKE 'pg\\_%' \
             AND p.rolname <> 'pg_database_owner' AND r.rolname IN ({}) AND pg_has_role(r.oid, p.oid, 'MEMBER') AND NOT r.rolsuper ORDER BY 1, 2",
            stage.login_list()
        ))
        .await?;
    for _ in &stage.logins {
        tally.tried();
    }
    for row in rows {
        tally.broke(format!("role {}", row[0]), format!("{} is a member", row[1]));
    }
    Ok(tally.finish("runtime login", "a member of no predefined role"))
}
