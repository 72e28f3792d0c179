//! The pages in `docs/checks/`, one a check: the texts stand beside the attacks, so that page and code cannot part.

use std::fmt::Write as _;

use super::outcome::{Attack, LAYER};

/// The page of one check.
pub fn page(attack: &Attack) -> String {
    let severity = format!("{:?}", attack.severity).to_lowercase();
    format!(
        "# {id} {title}\n\nSeverity: {severity}. Layer: {LAYER}.\n\n\
         ## What it means\n\n{meaning}\n\n\
         ## How it is attacked\n\n{method}\n\n\
         ## What to do\n\n{remedy}\n\n\
         Run it alone with `tenantry verify --only {id}`. If it is meant to be so, accept it in \
         [tenantry.toml](../reference/registry.md) under `[[accept]]` with `id = \"{id}\"`, the object and the reason: \
         it is then reported as residual. [All checks](README.md).\n",
        id = attack.id,
        title = attack.title,
        meaning = attack.meaning,
        method = attack.method,
        remedy = attack.remedy,
    )
}

/// The list of all pages.
pub fn index(attacks: &[&Attack]) -> String {
    let mut text = String::from(
        "# Checks\n\nWhat `tenantry verify` attacks, with the application's own credentials, in transactions that are rolled \
         back. Each attack shows first that a tenant *can* do the thing to its own row; where it cannot, the check is \
         skipped with the reason.\n\n\
         | outcome | means |\n|---|---|\n\
         | pass | the attack was made and did not succeed |\n\
         | fail | it succeeded, or the catalog shows that it would |\n\
         | residual | a channel that PostgreSQL itself leaves open, or that the registry accepts with a reason |\n\
         | skipped | the check could not be made; the evidence says why. Never counted as a pass |\n\n\
         The letters are layers: P is PostgreSQL (roles, policies, views, functions, constraints), C the tenant context, \
         S what survives on a pooled connection.\n\n| check | severity | what |\n|---|---|---|\n",
    );
    for a in attacks {
        let severity = format!("{:?}", a.severity).to_lowercase();
        let _ = writeln!(text, "| [{id}]({id}.md) | {severity} | {title} |", id = a.id, title = a.title);
    }
    text
}
