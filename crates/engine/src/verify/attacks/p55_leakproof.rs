//! P-55: functions that were called leakproof.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-55",
    title: "A function is marked LEAKPROOF that is not the server's",
    severity: Critical,
    meaning: "A function marked LEAKPROOF runs before the policy. Advice to mark slow functions so is widely copied, and opens the rows to whatever the function does.",
    method: "Lists the leakproof functions outside pg_catalog, and operators' functions of pg_catalog that are marked so beyond the server's own list are reported.",
    remedy: "ALTER FUNCTION … NOT LEAKPROOF; use a partial index or a stored generated column instead.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for function in &stage.catalog.leakproof_functions {
        tally.broke(function, "marked LEAKPROOF");
    }
    Ok(tally.finish_static("leakproof function outside pg_catalog", ""))
}
