//! The soak itself, short: it is content where all is well, and it finds what is broken on purpose.

use tenantry_bench::peer::Name;
use tenantry_bench::soak::report::{Kind, Report};
use tenantry_bench::soak::{self, Plan, Sabotage};
use tenantry_engine::bench::{Observer, Options};

/// Exchanges of each soak.
const EXCHANGES: u64 = 2_500;

struct Silent;

impl Observer for Silent {
    fn now(&self, _: &str) {}
}

/// A short soak of a peer: small enough for two processors in a debug build.
async fn soaked(peer: Name, sabotage: Option<Sabotage>) -> Report {
    let plan = Plan {
        peer,
        seed: Some(7),
        // by work, so that a slow machine sees as much as a fast one
        exchanges: Some(EXCHANGES),
        seconds: 300,
        tenants: 300,
        clients: 40,
        pool: 8,
        think_ms: 10,
        storm_ms: 200,
        deeds: Vec::new(),
        sabotage,
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options { tenants: 1, rows: 0, rounds: 0, allow_old_server: true, folder: folder.path().to_owned() };
    soak::run(&plan, &options, &Silent).await.unwrap_or_else(|e| panic!("{e:#}"))
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
