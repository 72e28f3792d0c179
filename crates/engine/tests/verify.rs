//! Attacks on a database that was isolated by the real plan, apply and complete.

#![allow(clippy::unwrap_used)]

mod isolated;

use isolated::{Isolated, not_passed};
use tenantry_engine::report;

#[tokio::test]
async fn an_isolated_database_withstands_every_attack() {
    let scene = Isolated::new(15, "withstands").await;
    let report = scene.verify(&[]).await;
    println!("{}", report::human(&report, false));
    for c in &report.checks {
        println!("{} {:?} {}", c.id, c.status, c.evidence);
    }
    assert_eq!(report.failed, 0, "{}", not_passed(&report));
}
