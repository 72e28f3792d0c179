//! The reads of the demonstration application (`examples/engage`), with a cache in front: one segment, a list of them,
//! their count, and now and then a change, which drops the segment and the lists.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use fastrand::Rng;
use tenantry_cache::{Cache, Secret, Settings};
use tenantry_edge::admission::{Admitted, Claim};
use tenantry_edge::directory::{Directory, Limits};
use tenantry_model::{Ident, KeyKind};
use tenantry_pg::{Client, Session, Target, connect_with};
use uuid::Uuid;

use super::{Plan, Redis};

const DATABASE: &str = "tenantry_bench_cache";
const TTL: Duration = Duration::from_secs(300);
const GENERATE: &str = "SELECT pg_temp.demo_generate(50, 40000, 1)";
const SEGMENTS: &str =
    "SELECT workspace_id, array_agg(id ORDER BY id) FROM segments GROUP BY 1 ORDER BY count(*) DESC, 1";
const ONE: &str = "SELECT to_jsonb(s)::text FROM segments AS s WHERE workspace_id = $1 AND id = $2";
const LIST: &str = "SELECT coalesce(jsonb_agg(to_jsonb(s)), '[]')::text FROM (SELECT id, name, status, updated_at FROM segments \
                    WHERE workspace_id = $1 ORDER BY updated_at DESC, id LIMIT 50) AS s";
const COUNT: &str = "SELECT jsonb_object_agg(status, n)::text FROM (SELECT status, count(*) AS n FROM segments \
                     WHERE workspace_id = $1 GROUP BY 1) AS s";
const UPDATE: &str = "UPDATE segments SET updated_at = now() WHERE workspace_id = $1 AND id = $2";

/// What the cache saved.
pub(super) struct Saved {
    pub(super) hits: f64,
    pub(super) queries: f64,
    pub(super) tenants: usize,
}

pub(super) async fn run(target: &Target, redis: &Redis, plan: &Plan) -> anyhow::Result<Saved> {
    let admin = connect_with(target, &Session::plain()).await?;
    let name = Ident::new(DATABASE)?.quoted();
    admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
    admin.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    let client = connect_with(&target.with_database(DATABASE), &Session::plain()).await?;
    let result = measure(&client, redis, plan).await;
    client.close().await;
    admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await?;
    result
}

async fn measure(client: &Client, redis: &Redis, plan: &Plan) -> anyhow::Result<Saved> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/engage");
    for file in ["schema.sql", "generate.sql"] {
        let sql = std::fs::read_to_string(folder.join(file)).with_context(|| file.to_owned())?;
        client.batch_execute(&sql).await.with_context(|| file.to_owned())?;
    }
    client.batch_execute(GENERATE).await.context("generate")?;
    let directory = Directory::open(KeyKind::Uuid, Limits::NONE);
    let settings =
        Settings::new("engage").with_redis(tenantry_cache::Redis::new("127.0.0.1", redis.port), Secret::new([2; 32]));
    let cache = Cache::start(directory.clone(), settings);
    cache.connected().await;
    let mut tenants: Vec<(Admitted, Uuid, Vec<Uuid>)> = Vec::new();
    for row in client.query(SEGMENTS, &[]).await? {
        let workspace: Uuid = row.get(0);
        tenants.push((directory.admit(&Claim::SlugOrKey(&workspace.to_string()))?, workspace, row.get(1)));
    }
    let mut rng = Rng::with_seed(1);
    let queries = std::cell::Cell::new(0_u32);
    for _ in 0..plan.reads {
        let (tenant, workspace, segments) = &tenants[zipf(&mut rng, tenants.len())];
        let segment = segments[zipf(&mut rng, segments.len())];
        let (entries, id) = (cache.scope(tenant)?, segment.to_string());
        if rng.f64() < plan.writes {
            client.execute(UPDATE, &[workspace, &segment]).await?;
            queries.set(queries.get() + 1);
            entries.remove(("segment", id.as_str())).await?;
            entries.remove_kind("segments").await?;
            continue;
        }
        let (key, sql, of_one) = match rng.u32(..10) {
            0 => (("segments", "count"), COUNT, false),
            1..4 => (("segments", "list"), LIST, false),
            _ => (("segment", id.as_str()), ONE, true),
        };
        let load = || async {
            queries.set(queries.get() + 1);
            let row = if of_one {
                client.query_opt(sql, &[workspace, &segment]).await?
            } else {
                client.query_opt(sql, &[workspace]).await?
            };
            anyhow::Ok(row.and_then(|row| row.get::<_, Option<String>>(0)).map(Bytes::from))
        };
        entries.get_or_load(key, TTL, load).await?;
    }
    let mut used = tenantry_cache::Used::default();
    cache.seen().spaces.iter().for_each(|space| used.add(&space.used));
    Ok(Saved {
        hits: used.hit_rate().unwrap_or_default(),
        queries: 1.0 - f64::from(queries.get()) / f64::from(plan.reads),
        tenants: tenants.len(),
    })
}

/// The n-th of so many, the first most often: about 1/n.
fn zipf(rng: &mut Rng, length: usize) -> usize {
    let most = (length as f64).ln_1p();
    ((rng.f64() * most).exp_m1() as usize).min(length.saturating_sub(1))
}
