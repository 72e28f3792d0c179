//! One tenant that fills the cache leaves the others theirs.

use tenantry_cache::ablation::Protection;
use tenantry_cache::{Cache, Settings};
use tenantry_edge::admission::{Admitted, Claim};
use tenantry_edge::directory::{Directory, Limits};
use tenantry_model::KeyKind;

use crate::scene::{get, put};

/// The part of a tenant's requests that hit, while another floods or does not.
pub(crate) async fn hit_rate(removed: Option<Protection>, flood: bool) -> f64 {
    let directory = Directory::open(KeyKind::Bigint, Limits::NONE);
    let mut settings = Settings::new("share");
    settings.bytes_max = 1 << 20;
    settings.removed = tenantry_cache::ablation::Removed::only(removed);
    let cache = Cache::start(directory.clone(), settings);
    let tenant = |key: &str| directory.admit(&Claim::SlugOrKey(key)).unwrap();
    let (quiet, loud) = (tenant("1"), tenant("2"));
    let mut flooded = 0;
    if flood {
        fill(&cache, &loud, &mut flooded, 5000).await;
    }
    // 400 KiB of the 512 KiB that are its share
    let (mut hits, mut all) = (0, 0);
    for round in 0..10 {
        for number in 0..400 {
            let id = number.to_string();
            let found = get(&cache, &quiet, ("page", &id)).await.is_some();
            if !found {
                put(&cache, &quiet, ("page", &id), &"x".repeat(800)).await;
            }
            if round > 0 {
                (hits, all) = (hits + u32::from(found), all + 1);
            }
            if flood {
                fill(&cache, &loud, &mut flooded, 3).await;
            }
        }
    }
    f64::from(hits) / f64::from(all)
}

async fn fill(cache: &Cache, tenant: &Admitted, flooded: &mut u32, count: u32) {
    for _ in 0..count {
        *flooded += 1;
        put(cache, tenant, ("page", &flooded.to_string()), &"y".repeat(800)).await;
        // a flood that looks at what it brings, so that it counts as wanted
        get(cache, tenant, ("page", &flooded.to_string())).await;
    }
}

#[tokio::test]
async fn another_tenants_flood_costs_less_than_five_points() {
    let (alone, beside) = (hit_rate(None, false).await, hit_rate(None, true).await);
    assert!(alone > 0.99, "{alone}");
    assert!(alone - beside < 0.05, "{alone} alone, {beside} beside a flood");
}
