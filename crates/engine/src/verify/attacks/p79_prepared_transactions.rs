//! P-79: transactions that wait for anybody.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-79",
    title: "A prepared transaction can be ended by another tenant",
    severity: High,
    meaning: "Prepared transactions (PREPARE TRANSACTION) belong to a login: another session of it can see, commit or roll them back.",
    method: "Reads whether prepared transactions are allowed, and whether tenants share a login.",
    remedy: "Set max_prepared_transactions = 0, or use one login per pooled connection.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let allowed = stage.list("SELECT current_setting('max_prepared_transactions')").await?;
    Ok(match (allowed.first().map(String::as_str), stage.logins.len()) {
        (Some("0"), _) => Outcome::Pass("max_prepared_transactions is 0".into()),
        (_, 2..) => Outcome::Residual(
            "prepared transactions are allowed; only the login that prepared one (and a superuser) can end it, but everybody sees its name".into(),
        ),
        _ => Outcome::Fail {
            objects: vec![format!("login {}", stage.as_a.login)],
            evidence: "prepared transactions are allowed and the application has one login for all tenants".into(),
        },
    })
}
