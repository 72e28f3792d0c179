//! A tenant whose pages fit into its share, alone and beside one that brings four new pages for each of its own.

use std::time::Duration;

use bytes::Bytes;
use tenantry_cache::{Cache, Settings};
use tenantry_edge::admission::{Admitted, Claim};
use tenantry_edge::directory::{Directory, Limits};
use tenantry_model::KeyKind;

const TTL: Duration = Duration::from_secs(600);
const BYTES: u64 = 8 << 20;
/// 3.5 MB of the 4 MB that are its share.
const PAGES: u32 = 3000;
const ROUNDS: u32 = 10;

pub(super) async fn hit_rate(flood: bool) -> anyhow::Result<f64> {
    let directory = Directory::open(KeyKind::Bigint, Limits::NONE);
    let mut settings = Settings::new("flood");
    settings.bytes_max = BYTES;
    let cache = Cache::start(directory.clone(), settings);
    let (quiet, loud) = (directory.admit(&Claim::SlugOrKey("1"))?, directory.admit(&Claim::SlugOrKey("2"))?);
    let mut flooded = 0;
    if flood {
        bring(&cache, &loud, &mut flooded, 20_000).await?;
    }
    let (mut hits, mut all) = (0, 0);
    for round in 0..ROUNDS {
        for page in 0..PAGES {
            let (entries, id) = (cache.scope(&quiet)?, page.to_string());
            let key = ("page", id.as_str());
            let found = entries.get(key).await?.is_some();
            if !found {
                entries.put(key, TTL, Bytes::from(vec![1; 1000])).await?;
            }
            if round > 0 {
                (hits, all) = (hits + u32::from(found), all + 1);
            }
            if flood {
                bring(&cache, &loud, &mut flooded, 4).await?;
            }
        }
    }
    Ok(f64::from(hits) / f64::from(all))
}

async fn bring(cache: &Cache, tenant: &Admitted, number: &mut u32, count: u32) -> anyhow::Result<()> {
    let entries = cache.scope(tenant)?;
    for _ in 0..count {
        *number += 1;
        let id = number.to_string();
        entries.put(("page", id.as_str()), TTL, Bytes::from(vec![2; 1000])).await?;
        entries.get(("page", id.as_str())).await?;
    }
    Ok(())
}
