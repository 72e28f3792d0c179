//! C-04: settings written as a table.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-04",
    title: "UPDATE pg_settings changes the tenant",
    severity: High,
    meaning: "pg_settings has a rule that calls set_config: an UPDATE of it is a SET without the word.",
    method: "As A, updates pg_settings for the tenant settings, search_path, row_security, role and standard_conforming_strings, and then reads B's rows.",
    remedy: "Let the policies ask the signed context: `tenantry apply`; reset settings between users of a connection.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let changes: Vec<String> = {
        let b = key(&stage.b);
        let mut all: Vec<String> = super::c01_writable_setting::SETTINGS
            .iter()
            .map(|s| format!("SELECT pg_catalog.set_config({n}, '', true); UPDATE pg_catalog.pg_settings SET setting = {b} WHERE name = {n}", n = literal(s)))
            .collect();
        for (name, value) in [("search_path", "pg_temp"), ("row_security", "off"), ("role", "none"), ("standard_conforming_strings", "off")] {
            all.push(format!("UPDATE pg_catalog.pg_settings SET setting = {} WHERE name = {}", literal(value), literal(name)));
        }
        all
    };
    without_effect(stage, &mut tally, &changes, "UPDATE pg_settings").await?;
    Ok(tally.finish("table", "tenant B's rows stay out of sight"))
}
