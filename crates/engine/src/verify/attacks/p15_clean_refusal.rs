//! P-15: the refusal without a tenant must be a clean one.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-15",
    title: "Without a tenant the error is unclear",
    severity: Medium,
    meaning: "A cast error (`invalid input syntax for type uuid: \"\"`) instead of a clear refusal is an outage that people repair with a coalesce, which opens the door.",
    method: "Without a tenant, reads every table in which A has rows: the refusal must be SQLSTATE 42501 with a message that begins with `tenantry:` and a hint that says what to do.",
    remedy: "Put the context functions back: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    for table in stage.tables() {
        if own(table, &mut tally).is_none() {
            continue;
        }
        match session.say(&format!("SELECT 1 FROM {} t LIMIT 1", table.sql), Wire::Simple).await? {
            Answer::Refused { code, message, hint, .. } => {
                tally.tried();
                if code != "42501" || !message.starts_with("tenantry:") {
                    tally.broke(&table.table, format!("refused with {code}, not with the tenantry: message"));
                } else if hint.is_empty() {
                    tally.broke(&table.table, "the refusal has no hint");
                }
            }
            Answer::Done { rows: 0, .. } => tally.left(&table.table, "gives no row and no error"),
            Answer::Done { .. } => tally.broke(&table.table, "rows are visible without a tenant"),
        }
    }
    session.close().await;
    Ok(tally.finish("table", "refused with 42501, a tenantry: message and a hint"))
}
