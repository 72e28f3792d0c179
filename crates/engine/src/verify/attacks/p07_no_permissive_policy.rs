//! P-07: a table that shows nothing to anybody, until somebody switches protection off to repair it.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-07",
    title: "Row-level security is on and no policy lets anybody in",
    severity: Medium,
    meaning: "With row-level security on and no permissive policy, every row is hidden from everybody. Such an outage is mostly repaired by switching row-level security off.",
    method: "Reads from the catalog every table with row-level security and no permissive policy for one of SELECT, INSERT, UPDATE, DELETE, as far as the runtime has the right to it.",
    remedy: "Add the permissive base policy; `tenantry apply` does.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for table in stage.tables() {
        tally.tried();
        for (command, word) in COMMANDS {
            if command != 'r' && !table.writable {
                continue;
            }
            let open = table.structure.policies.iter().any(|p| p.permissive && (p.command == '*' || p.command == command));
            // The application's own rules may leave a command out on purpose; nobody at all is another matter.
            if !open && !table.structure.policies.iter().any(|p| p.permissive) {
                tally.broke(&table.table, format!("no permissive policy for {word}"));
            }
        }
    }
    Ok(tally.finish("table", "a permissive policy lets the tenant's own rows through"))
}
