//! C-02: SQL inside SQL.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-02",
    title: "Dynamic SQL changes the tenant",
    severity: Critical,
    meaning: "DO blocks, query_to_xml, cursor_to_xml, ts_stat and ts_rewrite run SQL given as a text: a filter of statements does not see what they do.",
    method: "As A, changes every tenant setting from inside DO, query_to_xml, query_to_xml_and_xmlschema, ts_stat and PREPARE/EXECUTE, and then reads B's rows.",
    remedy: "Let the policies ask the signed context: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let changes: Vec<String> = {
        let b = stage.b.to_string();
        let mut all = Vec::new();
        for setting in super::c01_writable_setting::SETTINGS {
            let call = format!("select set_' || 'config({}, {}, true)", literal(&literal(setting)).trim_matches('\''), literal(&literal(&b)).trim_matches('\''));
            all.push(format!("DO $verify$ BEGIN EXECUTE 'se' || 't local {setting} = ' || {}; END $verify$", literal(&literal(&b))));
            all.push(format!("SELECT pg_catalog.query_to_xml('{call}', true, false, '')"));
            all.push(format!("SELECT * FROM pg_catalog.ts_stat('{}')", call.replacen("select set_' || 'config(", "select to_tsvector(set_' || 'config(", 1) + ")"));
            all.push(format!("PREPARE verify_set AS SELECT pg_catalog.set_config({}, {}, true)", literal(setting), literal(&b)));
            all.push("EXECUTE verify_set".to_owned());
            all.push("DEALLOCATE ALL".to_owned());
        }
        all
    };
    without_effect(stage, &mut tally, &changes, "dynamic SQL").await?;
    Ok(tally.finish("table", "tenant B's rows stay out of sight"))
}
