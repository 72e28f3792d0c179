//! `tenantry serve --roles proxy` under the soak, short. `bench/run soak` does it for as long as one likes.

use std::path::Path;

use tenantry_bench::peer::{Name, use_binary};
use tenantry_bench::soak::{self, Plan};
use tenantry_bench::{Silent, options};

/// Exchanges of the soak.
const EXCHANGES: u64 = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_gives_every_tenant_its_own_whatever_clients_and_server_do() {
    use_binary(Path::new(env!("CARGO_BIN_EXE_tenantry")));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = Plan::short(Name::Tenantry, EXCHANGES);
    let report = soak::run(&plan, &options(folder.path()), &Silent).await.unwrap_or_else(|e| panic!("{e:#}"));
    assert!(report.is_clean(), "{}", report.human());
    assert!(report.tally.exchanges() >= EXCHANGES && report.losses.terminated > 0, "{}", report.human());
    assert_eq!(report.tally.deeds.len(), soak::deeds::DEEDS.len(), "{}", report.human());
}
