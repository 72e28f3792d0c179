//! P-66: secrets where everybody can read.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-66",
    title: "A secret is stored in a setting or a function",
    severity: High,
    meaning: "Settings stored with ALTER DATABASE or ALTER ROLE, and the source of functions, can be read by everybody.",
    method: "Lists settings stored for the database or a role whose names suggest a secret, and looks into the source of functions for constants that look like one. Values are not read into the report. As A, tries to read the signing keys of tenantry.",
    remedy: "Keep the secret in a table that only a SECURITY DEFINER function reads, or outside the database; and change it, it has been public.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for setting in &stage.catalog.stored_settings {
        tally.tried();
        let name = setting.name.to_lowercase();
        if WORDS.iter().any(|w| name.contains(w)) {
            tally.broke(format!("setting {}", setting.name), "stored where every login can read it");
        }
    }
    let functions = stage
        .list(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
             WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') \
             AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') \
             AND p.prosrc ~* '(secret|password|passwd|api_?key|hmac_?key|private_?key|token)[a-z_]*[\"'']?[[:space:]]*(:=|=>|=|,)[[:space:]]*[\"''][[:alnum:]+/_=-]{16,}[\"'']' ORDER BY 1",
        )
        .await?;
    for function in functions {
        tally.broke(function, "its source holds a constant that looks like a secret");
    }
    stage.as_a.begin(Some(&stage.a)).await?;
    tally.tried();
    for sql in ["SELECT 1 FROM tenantry.signing_key LIMIT 1", "TABLE tenantry.signing_key"] {
        tally.attempt();
        if matches!(stage.as_a.attempt(sql, Wire::Simple).await?, Answer::Done { .. }) {
            tally.broke("tenantry.signing_key", "the runtime can read the signing keys");
        }
    }
    stage.as_a.end().await?;
    Ok(tally.finish_static("place", "no secret in reach"))
}

const WORDS: [&str; 9] =
    ["secret", "password", "passwd", "hmac", "api_key", "apikey", "private_key", "token", "credential"];
