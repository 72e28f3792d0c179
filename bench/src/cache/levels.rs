//! What a hit costs in the first level, and in the second beside the same client's GET.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use tenantry_cache::{Cache, Known, Secret, Settings};
use tenantry_edge::admission::{Admitted, Claim};
use tenantry_edge::directory::{Directory, Limits};
use tenantry_model::KeyKind;

use super::{Plan, Redis};
use crate::table::median;

const TTL: Duration = Duration::from_secs(600);
/// Entries that are asked for in turn.
const ENTRIES: u32 = 1000;
/// Hits of a round in the first level.
const HITS: u32 = 500_000;

fn tenant(directory: &Directory) -> anyhow::Result<Admitted> {
    Ok(directory.admit(&Claim::SlugOrKey("7"))?)
}

/// Nanoseconds of a hit, the scope included.
pub(super) async fn first(plan: &Plan) -> anyhow::Result<f64> {
    let directory = Directory::open(KeyKind::Bigint, Limits::NONE);
    let cache = Cache::start(directory.clone(), Settings::new("bench"));
    let tenant = tenant(&directory)?;
    let ids: Vec<String> = (0..ENTRIES).map(|n| n.to_string()).collect();
    for id in &ids {
        cache.scope(&tenant)?.put(("page", id.as_str()), TTL, Bytes::from(vec![1; 1024])).await?;
    }
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds {
        let begin = Instant::now();
        for number in 0..HITS {
            let found = cache.scope(&tenant)?.get(("page", ids[(number % ENTRIES) as usize].as_str())).await?;
            anyhow::ensure!(matches!(found, Some(Known::Value(_))), "an entry is gone");
        }
        rounds.push(begin.elapsed().as_nanos() as f64 / f64::from(HITS));
    }
    Ok(median(rounds))
}

/// Requests in a second: GET alone, hits in the second level, and the median of the ratios of lanes that ran one after
/// the other: a machine that does other things too slows both of a pair.
pub(super) async fn second(server: &Redis, plan: &Plan, at_once: u32) -> anyhow::Result<(f64, f64, f64)> {
    let directory = Directory::open(KeyKind::Bigint, Limits::NONE);
    let mut settings =
        Settings::new("bench").with_redis(tenantry_cache::Redis::new("127.0.0.1", server.port), Secret::new([1; 32]));
    // nothing fits into the first level
    settings.bytes_max = 0;
    let cache = Cache::start(directory.clone(), settings);
    cache.connected().await;
    let tenant = tenant(&directory)?;
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port))?;
    let mut plain = client.get_multiplexed_async_connection().await?;
    for number in 0..ENTRIES {
        let (id, value) = (number.to_string(), vec![1; 1024]);
        redis::cmd("SET").arg(format!("plain:{id}")).arg(&value).query_async::<()>(&mut plain).await?;
        cache.scope(&tenant)?.put(("page", id.as_str()), TTL, Bytes::from(value)).await?;
    }
    let (mut of_plain, mut of_ours) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let plain = plain.clone();
        of_plain.push(lane(plan, at_once, move |number| get(plain.clone(), number)).await?);
        let (cache, tenant) = (cache.clone(), tenant.clone());
        of_ours.push(lane(plan, at_once, move |number| look(cache.clone(), tenant.clone(), number)).await?);
    }
    let used = cache.scope(&tenant)?.used();
    anyhow::ensure!(used.misses == 0 && used.hits == 0, "the second level is not what was measured: {used:?}");
    let ratios = of_plain.iter().zip(&of_ours).map(|(plain, ours)| ours / plain).collect();
    Ok((median(of_plain), median(of_ours), median(ratios)))
}

/// Requests in a second of so many clients, each of which asks for the next when it has an answer. A request is made when
/// it is its turn: thousands of futures made beforehand would be measured by their size.
async fn lane<F, R>(plan: &Plan, at_once: u32, request: R) -> anyhow::Result<f64>
where
    F: Future<Output = anyhow::Result<()>> + Send,
    R: Fn(u32) -> F + Clone + Send + 'static,
{
    let next = Arc::new(AtomicU32::new(0));
    let begin = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..at_once {
        // one after another takes longest
        let each = if at_once == 1 { plan.requests / 8 } else { plan.requests / at_once };
        let first = next.fetch_add(each, Ordering::Relaxed);
        let request = request.clone();
        clients.push(tokio::spawn(async move {
            for number in first..first + each {
                request(number).await?;
            }
            anyhow::Ok(())
        }));
    }
    for client in clients {
        client.await.context("a client")??;
    }
    Ok(f64::from(next.load(Ordering::Relaxed)) / begin.elapsed().as_secs_f64())
}

async fn get(mut connection: MultiplexedConnection, number: u32) -> anyhow::Result<()> {
    let name = format!("plain:{}", number % ENTRIES);
    let value: Option<Vec<u8>> = redis::cmd("GET").arg(name).query_async(&mut connection).await?;
    anyhow::ensure!(value.is_some_and(|v| v.len() == 1024), "a value is gone");
    Ok(())
}

async fn look(cache: Cache, tenant: Admitted, number: u32) -> anyhow::Result<()> {
    let id = (number % ENTRIES).to_string();
    let found = cache.scope(&tenant)?.get(("page", id.as_str())).await?;
    anyhow::ensure!(matches!(found, Some(Known::Value(v)) if v.len() == 1024), "an entry is gone");
    Ok(())
}
