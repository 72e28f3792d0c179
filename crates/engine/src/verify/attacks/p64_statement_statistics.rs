//! P-64: statements remembered.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-64",
    title: "pg_stat_statements shows other tenants' statements",
    severity: Medium,
    meaning: "pg_stat_statements keeps text and times of statements per login; one login for all tenants shows each what the others run.",
    method: "As A, counts entries of pg_stat_statements with a readable text that belong to another login.",
    remedy: "REVOKE SELECT ON pg_stat_statements FROM PUBLIC; use one login per pooled connection.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let Some(extension) = stage.catalog.extensions.iter().find(|e| e.name == "pg_stat_statements") else {
        return Ok(Outcome::Pass("the extension is not installed".into()));
    };
    let schema = extension.schema.quoted();
    stage.as_a.begin(Some(&stage.a)).await?;
    let sql = format!(
        "SELECT 1 FROM {schema}.pg_stat_statements s JOIN pg_catalog.pg_roles r ON r.oid = s.userid \
         WHERE r.rolname <> CURRENT_USER AND s.query <> '<insufficient privilege>' LIMIT 1"
    );
    let answer = stage.as_a.attempt(&sql, Wire::Simple).await?;
    stage.as_a.end().await?;
    Ok(match answer {
        Answer::Done { rows: 0, .. } if stage.logins.len() > 1 => Outcome::Pass("texts of other logins are hidden".into()),
        Answer::Refused { .. } if answer.is_denied() => Outcome::Pass("the view is out of reach".into()),
        Answer::Refused { .. } if answer.code() == "55000" => {
            Outcome::Pass("the server does not load the library, so that nothing is recorded".into())
        }
        Answer::Refused { .. } => Outcome::Skipped(format!("the view cannot be read: {}", answer.code())),
        Answer::Done { .. } => Outcome::Fail {
            objects: vec!["pg_stat_statements".into()],
            evidence: "the runtime can read texts of statements of other tenants".into(),
        },
    })
}
