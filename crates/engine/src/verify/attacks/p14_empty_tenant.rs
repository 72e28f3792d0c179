//! P-14: the empty string as a tenant.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-14",
    title: "The empty text becomes a tenant of its own",
    severity: High,
    meaning: "After the first SET LOCAL a custom setting reads as the empty text, not as NULL. With a text tenant column, a tenant named '' is then a mailbox that every connection without a tenant can read and write.",
    method: "Enters and leaves a tenant, sets every known tenant setting to the empty text, enters with an empty token, and then reads and writes rows without a tenant or with the tenant ''.",
    remedy: "Use the context functions of schema tenantry in the policies, which know no empty tenant: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    for table in stage.tables() {
        if own(table, &mut tally).is_none() {
            continue;
        }
        tally.tried();
        session.begin(Some(&stage.a)).await?;
        session.end().await?;
        session.begin(None).await?;
        for setting in super::c01_writable_setting::SETTINGS {
            session.attempt(&format!("SET LOCAL {setting} = ''"), Wire::Simple).await?;
            session.say(&format!("SELECT pg_catalog.set_config({}, '', true)", literal(setting)), Wire::Simple).await?;
        }
        session.attempt("SELECT tenantry.enter('')", Wire::Simple).await?;
        tally.attempt();
        if session.attempt(&format!("SELECT 1 FROM {} t LIMIT 1", table.sql), Wire::Simple).await?.rows() > 0 {
            tally.broke(&table.table, "rows are visible under an empty tenant");
        }
        let text = stage.blueprint.key_kind == tenantry_model::KeyKind::Text;
        if let (true, true, Some(sql)) = (text, table.writable, table.bare_row("''")) {
            tally.attempt();
            let answer = session.attempt(&sql, Wire::Simple).await?;
            if answer.rows() > 0 || answer.is_constraint() {
                tally.broke(&table.table, "rows of an empty tenant can be written");
            }
        }
        session.end().await?;
    }
    session.close().await;
    Ok(tally.finish("table", "the empty text is no tenant"))
}
