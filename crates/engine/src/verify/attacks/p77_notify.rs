//! P-77: messages that everybody hears.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-77",
    title: "LISTEN and NOTIFY cross tenants",
    severity: High,
    meaning: "Channels of LISTEN/NOTIFY are database-wide, and PostgreSQL has no right for them: any session hears, and can forge, every message.",
    method: "As A, in a transaction that is rolled back, tries LISTEN and pg_notify, to see whether the channel is there; looks for triggers and functions of the application that notify.",
    remedy: "Send only ids in messages, never contents; let the proxy rewrite or refuse LISTEN and NOTIFY; REVOKE EXECUTE ON FUNCTION pg_notify FROM PUBLIC closes that form.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let users = stage
        .list(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
             WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'tenantry') AND p.prosrc ~* '(pg_notify|notify[[:space:]])' ORDER BY 1",
        )
        .await?;
    stage.as_a.begin(Some(&stage.a)).await?;
    let listen = stage.as_a.attempt("LISTEN verify_channel", Wire::Simple).await?;
    stage.as_a.end().await?;
    Ok(match listen {
        Answer::Done { .. } if users.is_empty() => {
            Outcome::Residual("the server has no right for LISTEN and NOTIFY; no function of the application notifies".into())
        }
        Answer::Done { .. } => Outcome::Residual(format!(
            "the server has no right for LISTEN and NOTIFY; {} notify: send ids only",
            names(&users.iter().map(String::as_str).collect::<Vec<_>>())
        )),
        Answer::Refused { .. } => Outcome::Pass("LISTEN is refused".into()),
    })
}
