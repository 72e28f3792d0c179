//! P-98: rights of objects to come.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-98",
    title: "Default privileges open what will be made tomorrow",
    severity: Medium,
    meaning: "Default privileges and grants to PUBLIC give rights on objects that do not exist yet: the next migration opens what this one closed.",
    method: "Lists default privileges for tables, sequences and schemas that give PUBLIC or a runtime role anything, and protected tables on which PUBLIC has a right.",
    remedy: "ALTER DEFAULT PRIVILEGES … REVOKE …; `tenantry complete` moves rights away from PUBLIC.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let rows = stage
        .look(&format!(
            "SELECT 'default privileges of ' || d.defaclrole::regrole::text || coalesce(' in ' || n.nspname, ''), \
             string_agg(DISTINCT x.privilege_type || ' to ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, ', ') \
             FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) x \
             WHERE d.defaclobjtype IN ('r', 'S', 'n') AND (x.grantee = 0 OR EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname IN ({logins}) \
               AND pg_has_role(r.oid, x.grantee, 'USAGE'))) GROUP BY 1 \
             UNION ALL SELECT c.oid::regclass::text, string_agg(DISTINCT x.privilege_type || ' to PUBLIC', ', ') \
             FROM pg_class c, aclexplode(c.relacl) x WHERE c.oid IN ({subjects}) AND x.grantee = 0 GROUP BY 1 ORDER BY 1",
            logins = stage.login_list(),
            subjects = stage.subject_list()
        ))
        .await?;
    for _ in &stage.subjects {
        tally.tried();
    }
    for row in rows {
        tally.broke(&row[0], format!("gives {}", row[1]));
    }
    Ok(tally.finish("table", "no right by default or for PUBLIC"))
}
