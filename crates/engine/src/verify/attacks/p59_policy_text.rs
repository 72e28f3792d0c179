//! P-59: what the policies say.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-59",
    title: "A policy's text holds a secret or a tenant's key",
    severity: Low,
    meaning: "Everybody can read pg_policies and EXPLAIN VERBOSE: a constant in a policy is public.",
    method: "Reads the text of every policy on protected tables for constants that look like a key or a secret (uuid, long hexadecimal, long random text).",
    remedy: "Keep keys and secrets out of policies; ask a function.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in &stage.subjects {
        for policy in &table.structure.policies {
            tally.tried();
            let text = format!("{} {}", policy.using.as_deref().unwrap_or(""), policy.check.as_deref().unwrap_or(""));
            let secret = text.split('\'').skip(1).step_by(2).any(|c| {
                c.len() >= 20 && c.chars().filter(char::is_ascii_hexdigit).count() * 10 >= c.len() * 8
            });
            if secret {
                tally.broke(&table.table, format!("policy {} holds a constant that looks like a key", policy.name));
            }
        }
    }
    Ok(tally.finish_static("policy", "no constant that looks like a key"))
}
