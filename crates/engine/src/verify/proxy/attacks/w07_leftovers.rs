//! W-07: what one tenant leaves on a connection for another.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "W-07",
    title: "State of one tenant reaches the next on the server connection",
    severity: Critical,
    meaning: "Tenants share server connections. What one leaves behind, a setting, a statement, a time limit or a broken context, must neither be seen by the next tenant nor make its statements fail.",
    method: "As A, leaves something behind in each of a dozen ways and goes away; as B, on the same server connection if possible, asks the database who it is and what is there.",
    remedy: "Clean a connection before another tenant gets it (tenantry.hold does), and close it where that is refused.",
    run: |scene| Box::pin(run(scene)),
};

const LEFTOVERS: [&str; 12] = [
    "SELECT pg_catalog.set_config('default_transaction_read_only', 'on', false)",
    "SELECT pg_catalog.set_config('statement_timeout', '1', false)",
    "SELECT pg_catalog.set_config('search_path', 'nowhere', false)",
    "SET application_name = 'verify_mark'",
    "PREPARE verify_statement AS SELECT 'verify_mark'",
    "DO $$BEGIN EXECUTE 'PREPARE verify_statement AS SELECT ''verify_mark'''; END$$",
    "SELECT tenantry.bind_session()",
    "DISCARD ALL",
    "DISCARD SEQUENCES",
    "SELECT 1/0",
    "BEGIN; SELECT 1/0",
    "COMMIT AND CHAIN",
];

/// Finds the mark in what is left; the question itself is not what is looked for.
const MARKS: &str = "SELECT 1 WHERE pg_catalog.current_setting('application_name') LIKE '%verify_mark%' OR EXISTS \
    (SELECT FROM pg_catalog.pg_prepared_statements WHERE statement LIKE '%verify_mark%' AND statement NOT LIKE '%LIKE%')";

async fn run(scene: &Scene) -> Verdict {
    let mut met = Met::default();
    for leftover in LEFTOVERS {
        let mut a = scene.connect(Side::A).await?;
        let process = met.process(scene, &mut a, Side::A).await?;
        a.query(leftover).await?;
        drop(a);
        met.next(scene, Side::B, &process, leftover).await?;
        let mut b = scene.connect(Side::B).await?;
        if !b.query(MARKS).await?.rows.is_empty() {
            met.broke(format!("{leftover}: it is there for the next tenant"));
        }
    }
    met.finish("the next tenant noticed nothing")
}
