//! W-01: settings smuggled into the startup message.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "W-01",
    title: "A startup message carries settings that are not the client's to set",
    severity: Critical,
    meaning: "PostgreSQL takes settings in the startup message in half a dozen spellings. One that the proxy does not know goes through, and sets a role, switches policies off or names another tenant.",
    method: "Logs in as A with a role, row_security, replication, preloaded libraries, a context and another tenant, directly and in options in every spelling; each must be refused.",
    remedy: "Let the proxy take listed settings only, read options as the server does, and refuse the rest before a server connection is touched.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    // the control: a harmless setting is taken
    let harmless = [("application_name", "tenantry verify")];
    if Client::log_in(&scene.request, scene.login(Side::A), &harmless).await?.is_err() {
        return Ok(Outcome::Skipped("not even application_name is taken".into()));
    }
    let tried = [
        ("role", "postgres"),
        ("ROLE", "postgres"),
        ("session_authorization", "postgres"),
        ("row_security", "off"),
        ("replication", "database"),
        ("replication", "on"),
        ("session_preload_libraries", "x"),
        ("local_preload_libraries", "x"),
        ("tenantry.context", "entered"),
        ("client_encoding", "SJIS"),
        ("options", "-c role=postgres"),
        ("options", "-crole=postgres"),
        ("options", "--role=postgres"),
        ("options", "--row-security=off"),
        ("options", "-c\trow_security=off"),
        ("options", "-c row\\_security=off"),
        ("options", "-c search_path=public\x0b-crow_security=off"),
        ("options", "-c tenantry.context=entered"),
    ];
    let other = scene.login(Side::B).user.clone();
    let mut seen = Vec::new();
    for (name, value) in tried.into_iter().chain([("user", other.as_str())]) {
        if Client::log_in(&scene.request, scene.login(Side::A), &[(name, value)]).await?.is_ok() {
            seen.push(format!("{name} = {} was taken", value.escape_default()));
        }
    }
    if seen.is_empty() { Ok(Outcome::Pass(format!("{} spellings: refused", tried.len() + 1))) } else { Ok(fail(&seen)) }
}
