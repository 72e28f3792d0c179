//! The soak itself, short: it is content where all is well, and it finds what is broken on purpose.

use tenantry_bench::peer::Name;
use tenantry_bench::soak::report::{Kind, Report};
use tenantry_bench::soak::{self, Plan, Sabotage};
use tenantry_bench::{Silent, options};

/// Exchanges of each soak.
const EXCHANGES: u64 = 2_500;

async fn soaked(peer: Name, sabotage: Option<Sabotage>) -> Report {
    let plan = Plan { sabotage, ..Plan::short(peer, EXCHANGES) };
    let folder = tempfile::tempdir().expect("a temporary folder");
    soak::run(&plan, &options(folder.path()), &Silent).await.unwrap_or_else(|e| panic!("{e:#}"))
}

fn clean(report: &Report) {
    assert!(report.is_clean(), "{}", report.human());
    assert!(report.tally.exchanges() >= EXCHANGES && report.losses.terminated > 0, "{}", report.human());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_alone_is_above_suspicion() {
    let report = soaked(Name::Direct, None).await;
    clean(&report);
    assert_eq!(report.tally.deeds.len(), soak::deeds::DEEDS.len(), "{}", report.human());
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbouncer_is_sound_with_what_it_can_do() {
    clean(&soaked(Name::PgBouncer, None).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_swap_tenants_are_caught() {
    let report = soaked(Name::Direct, Some(Sabotage::Swap)).await;
    assert!(report.findings.count(Kind::ForeignRow) > 0, "{}", report.human());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_in_a_session_setting_behind_a_pooler_is_caught() {
    let report = soaked(Name::PgBouncer, Some(Sabotage::Leak)).await;
    assert!(report.findings.count(Kind::ForeignRow) > 0, "{}", report.human());
}
