//! That it works: two levels, two processes, one load.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tenantry_cache::{Cache, CacheError, Known, Reach, Settings};
use tenantry_edge::admission::{Claim, Refusal};
use tenantry_edge::directory::{Directory, Limits};
use tenantry_model::KeyKind;

use crate::scene::{Scene, TENANTS, TTL, get, listed, load, put, until};

const KEY: (&str, &str) = ("segment", "123");

#[tokio::test]
async fn what_one_process_keeps_another_finds() {
    let scene = Scene::new();
    let (one, two) = (scene.process().await, scene.process().await);
    let a = scene.tenant("a");
    assert_eq!(get(&two, &a, KEY).await, None);
    put(&one, &a, KEY, "value").await;
    assert_eq!(get(&two, &a, KEY).await.as_deref(), Some("value"));
    let entries = two.scope(&a).unwrap();
    assert_eq!((entries.used().remote_hits, entries.used().hits), (1, 0));
    assert_eq!(get(&two, &a, KEY).await.as_deref(), Some("value"));
    assert_eq!(entries.used().hits, 1, "the second time it is in the first level");
}

#[tokio::test]
async fn what_one_process_removes_all_forget() {
    let scene = Scene::new();
    let (one, two) = (scene.process().await, scene.process().await);
    let (a, b) = (scene.tenant("a"), scene.tenant("b"));
    for removal in 0..4 {
        for (tenant, key) in [(&a, KEY), (&a, ("segment", "4")), (&a, ("list", "")), (&b, KEY)] {
            put(&one, tenant, key, "old").await;
            until("the other process has it", || async { get(&two, tenant, key).await.is_some() }).await;
        }
        let entries = one.scope(&a).unwrap();
        let reach = match removal {
            0 => entries.remove(KEY).await,
            1 => entries.remove_kind("segment").await,
            2 => entries.clear().await,
            _ => Ok(one.clear_all().await),
        };
        assert_eq!(reach.unwrap(), Reach::Everywhere);
        assert_eq!(get(&one, &a, KEY).await, None);
        until("the other process forgets", || async { get(&two, &a, KEY).await.is_none() }).await;
        assert_eq!(get(&two, &a, ("segment", "4")).await.is_some(), removal == 0);
        assert_eq!(get(&two, &a, ("list", "")).await.is_some(), removal < 2);
        assert_eq!(get(&two, &b, KEY).await.is_some(), removal < 3);
    }
}

#[tokio::test]
async fn a_hundred_who_ask_at_once_are_one_load() {
    let scene = Scene::new();
    let cache = scene.process().await;
    let (a, b) = (scene.tenant("a"), scene.tenant("b"));
    let loads = Arc::new(AtomicU32::new(0));
    let (go, wait) = tokio::sync::watch::channel(false);
    let mut all = Vec::new();
    for tenant in [&a, &b] {
        for _ in 0..100 {
            let (cache, tenant, loads, mut wait) = (cache.clone(), tenant.clone(), loads.clone(), wait.clone());
            all.push(tokio::spawn(async move {
                let entries = cache.scope(&tenant).unwrap();
                let key = tenant.key().to_string();
                let load = || async move {
                    loads.fetch_add(1, Ordering::Relaxed);
                    wait.wait_for(|go| *go).await.unwrap();
                    Ok::<_, std::io::Error>(Some(Bytes::from(key)))
                };
                (tenant.key().to_string(), entries.get_or_load(KEY, TTL, load).await.unwrap().unwrap())
            }));
        }
    }
    until("both tenants load", || async { loads.load(Ordering::Relaxed) == 2 }).await;
    go.send_replace(true);
    for one in all {
        let (tenant, value) = one.await.unwrap();
        assert_eq!(tenant.as_bytes(), &value[..], "nobody gets another tenant's load");
    }
    assert_eq!(loads.load(Ordering::Relaxed), 2, "one for each tenant");
}

#[tokio::test]
async fn two_processes_with_a_lock_are_one_load() {
    let scene = Scene::new();
    let mut settings = scene.settings();
    settings.lock_wait_max = Some(Duration::from_secs(20));
    let a = scene.tenant("a");
    let loads = Arc::new(AtomicU32::new(0));
    let mut all = Vec::new();
    for _ in 0..2 {
        let cache = Cache::start(scene.directory.clone(), settings.clone());
        cache.connected().await;
        let (a, loads) = (a.clone(), loads.clone());
        all.push(tokio::spawn(async move { load(&cache, &a, KEY, "v", &loads).await }));
    }
    for one in all {
        assert_eq!(one.await.unwrap(), "v");
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert!(!scene.server.names().await.iter().any(|n| n.contains(":l:")), "the lock was given back");
}

#[tokio::test]
async fn a_leader_that_is_dropped_or_fails_leaves_nobody_waiting() {
    let scene = Scene::new();
    let cache = scene.process().await;
    let a = scene.tenant("a");
    let stuck = {
        let (cache, a) = (cache.clone(), a.clone());
        tokio::spawn(async move {
            let forever = || std::future::pending::<Result<Option<Bytes>, std::io::Error>>();
            cache.scope(&a).unwrap().get_or_load(KEY, TTL, forever).await.map(drop)
        })
    };
    until("it loads", || async { cache.scope(&a).unwrap().used().loads == 1 }).await;
    let waiting = {
        let (cache, a, loads) = (cache.clone(), a.clone(), Arc::default());
        tokio::spawn(async move { load(&cache, &a, KEY, "second", &loads).await })
    };
    stuck.abort();
    assert_eq!(waiting.await.unwrap(), "second");
    let fails = || async { Err::<Option<Bytes>, _>(std::io::Error::other("no database")) };
    let error = cache.scope(&a).unwrap().get_or_load(("k", ""), TTL, fails).await.unwrap_err();
    assert!(matches!(error, CacheError::Load { .. }));
    assert_eq!(load(&cache, &a, ("k", ""), "later", &Arc::default()).await, "later", "an error is not kept");
}

#[tokio::test]
async fn nothing_is_known_too_and_for_less_long() {
    let scene = Scene::new();
    let cache = scene.process().await;
    let a = scene.tenant("a");
    let entries = cache.scope(&a).unwrap();
    let nothing = || async { Ok::<_, std::io::Error>(None) };
    assert_eq!(entries.get_or_load(KEY, TTL, nothing).await.unwrap(), None);
    assert_eq!(entries.get(KEY).await.unwrap(), Some(Known::Nothing));
    scene.clock.advance(Duration::from_secs(31));
    assert_eq!(entries.get(KEY).await.unwrap(), None);
    put(&cache, &a, KEY, "v").await;
    scene.clock.advance(Duration::from_secs(299));
    assert!(get(&cache, &a, KEY).await.is_some());
    scene.clock.advance(Duration::from_secs(2));
    assert_eq!(get(&cache, &a, KEY).await, None, "its time is over, in Redis too");
}

#[tokio::test]
async fn without_redis_the_first_level_works_alone() {
    let directory = Directory::open(KeyKind::Bigint, Limits::NONE);
    let cache = Cache::start(directory.clone(), Settings::new("alone"));
    let seven = directory.admit(&Claim::SlugOrKey("7")).unwrap();
    put(&cache, &seven, KEY, "v").await;
    assert_eq!(get(&cache, &seven, KEY).await.as_deref(), Some("v"));
    assert_eq!(cache.scope(&seven).unwrap().remove(KEY).await.unwrap(), Reach::Everywhere);
    assert_eq!(get(&cache, &seven, KEY).await, None);
    let other = Directory::open(KeyKind::Bigint, Limits::NONE);
    let stranger = other.admit(&Claim::SlugOrKey("8")).unwrap();
    assert!(matches!(cache.scope(&stranger), Err(CacheError::OtherDirectory)));
}

#[tokio::test]
async fn what_a_part_of_a_tenant_keeps_the_tenant_does_not_find() {
    use tenantry_edge::admission::PassKeys;
    use tenantry_model::TenantKey;
    use tenantry_model::token::{ContextKey, PassClaims};
    let scene = Scene::new();
    let key = || ContextKey::new(1, [1; 32]).unwrap();
    let claims =
        PassClaims { tenant: TenantKey::Text("a".into()), scope: Some(TenantKey::Integer(3)), expires_at: i64::MAX };
    let ring = PassKeys::new([key()], KeyKind::Text, Some(KeyKind::Integer));
    let pass = ring.check(&key().sign_pass(&claims).unwrap(), 0).unwrap();
    let part = scene.directory.admit(&Claim::Token(&pass)).unwrap();
    let whole = scene.tenant("a");
    let (one, two) = (scene.process().await, scene.process().await);
    put(&one, &part, KEY, "of the part").await;
    put(&one, &whole, KEY, "of the whole").await;
    for cache in [&one, &two] {
        assert_eq!(get(cache, &part, KEY).await.as_deref(), Some("of the part"));
        assert_eq!(get(cache, &whole, KEY).await.as_deref(), Some("of the whole"));
    }
    one.scope(&whole).unwrap().clear().await.unwrap();
    until("the parts go with the tenant", || async { get(&two, &part, KEY).await.is_none() }).await;
}

#[tokio::test]
async fn who_may_not_work_reads_nothing_and_finds_it_again_when_allowed() {
    let scene = Scene::new();
    let cache = scene.process().await;
    let a = scene.tenant("a");
    put(&cache, &a, KEY, "v").await;
    let entries = cache.scope(&a).unwrap();
    scene
        .directory
        .publish(listed(&TENANTS.replacen(r#"{"key": "a"}"#, r#"{"key": "a", "state": "suspended"}"#, 1), 2))
        .unwrap();
    assert!(matches!(entries.get(KEY).await, Err(CacheError::Refused(Refusal::Suspended))));
    assert!(matches!(cache.scope(&a), Err(CacheError::Refused(Refusal::Suspended))));
    scene.directory.publish(listed(TENANTS, 3)).unwrap();
    assert!(matches!(entries.get(KEY).await, Ok(Some(Known::Value(_)))));
    scene.directory.publish(listed(&TENANTS.replacen(r#"{"key": "a"}, "#, "", 1), 4)).unwrap();
    assert!(matches!(entries.get(KEY).await, Err(CacheError::Refused(Refusal::Deleted))));
    drop(entries);
    cache.sweep().await;
    scene.directory.publish(listed(TENANTS, 5)).unwrap();
    assert_eq!(get(&cache, &scene.tenant("a"), KEY).await, None, "whoever comes under an old key finds nothing");
}
