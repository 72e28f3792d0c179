//! Redis stops, comes back, refuses, fills up, lies: the application goes on, and nothing old comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tenantry_cache::{Cache, Reach};
use zeroize::Zeroizing;

use crate::scene::{SOON, Scene, TTL, get, load, put, until};

const KEY: (&str, &str) = ("segment", "123");

#[tokio::test]
async fn redis_stops_in_the_middle_and_nothing_old_comes_back() {
    let mut scene = Scene::new();
    let (one, two) = (scene.process().await, scene.process().await);
    let a = scene.tenant("a");
    put(&one, &a, KEY, "old").await;
    assert_eq!(get(&two, &a, KEY).await.as_deref(), Some("old"));
    scene.server.stop();
    until("the line is lost", || async { !one.is_connected() && !two.is_connected() }).await;
    assert_eq!(get(&one, &a, KEY).await.as_deref(), Some("old"), "the first level goes on");
    assert_eq!(one.scope(&a).unwrap().remove(KEY).await.unwrap(), Reach::HereOnly);
    assert_eq!(get(&one, &a, KEY).await, None);
    assert_eq!(load(&one, &a, KEY, "new", &Arc::default()).await, "new");
    // nobody could tell the other process: it believes its entry for five seconds more
    scene.clock.advance(Duration::from_secs(6));
    assert_eq!(get(&two, &a, KEY).await, None, "the bound of what goes unheard");
    scene.server.start_again();
    for cache in [&one, &two] {
        tokio::time::timeout(SOON, cache.connected()).await.unwrap();
        assert_ne!(get(cache, &a, KEY).await.as_deref(), Some("old"));
    }
    until("what was owed is paid", || async { !one.scope(&a).unwrap().is_distrusted() }).await;
    put(&one, &a, KEY, "newer").await;
    assert_eq!(get(&two, &a, KEY).await.as_deref(), Some("newer"));
}

#[tokio::test]
async fn a_server_that_answers_nothing_costs_a_bounded_time() {
    let scene = Scene::new();
    let cache = scene.process().await;
    let a = scene.tenant("a");
    put(&cache, &a, KEY, "old").await;
    scene.server.freeze(true);
    let loads = Arc::new(AtomicU32::new(0));
    let all = async {
        for number in 0..50 {
            let id = number.to_string();
            assert_eq!(load(&cache, &a, ("other", &id), "v", &loads).await, "v");
        }
        assert_eq!(cache.scope(&a).unwrap().remove(KEY).await.unwrap(), Reach::HereOnly);
    };
    tokio::time::timeout(SOON, all).await.expect("fifty loads beside a frozen server");
    assert_eq!(loads.load(Ordering::Relaxed), 50);
    assert!(cache.seen().line.timeouts > 0);
    scene.server.freeze(false);
    until("there is a line, and nothing is owed", || async {
        cache.is_connected() && !cache.scope(&a).unwrap().is_distrusted()
    })
    .await;
    assert_eq!(get(&cache, &a, KEY).await, None, "the removal came to it late, and in the end");
}

#[tokio::test]
async fn a_wrong_password_is_counted_and_nothing_fails() {
    let scene = Scene::with(None, &["--requirepass", "right"]);
    let mut settings = scene.settings();
    let redis = settings.redis.as_mut().unwrap();
    redis.password = Some(Zeroizing::new("wrong".into()));
    let cache = Cache::start(scene.directory.clone(), settings.clone());
    until("it was refused", || async { cache.seen().line.denied > 0 }).await;
    let a = scene.tenant("a");
    assert_eq!(load(&cache, &a, KEY, "v", &Arc::default()).await, "v");
    settings.redis.as_mut().unwrap().password = Some(Zeroizing::new("right".into()));
    let cache = Cache::start(scene.directory.clone(), settings);
    tokio::time::timeout(SOON, cache.connected()).await.unwrap();
}

#[tokio::test]
async fn a_full_server_forgets_and_takes_nothing() {
    let scene = Scene::new();
    let (one, two) = (scene.process().await, scene.process().await);
    let a = scene.tenant("a");
    put(&one, &a, KEY, "old").await;
    assert_eq!(get(&two, &a, KEY).await.as_deref(), Some("old"));
    let mut stranger = scene.server.stranger().await;
    redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).query_async::<()>(&mut stranger).await.unwrap();
    assert_eq!(load(&one, &a, ("k", ""), "v", &Arc::default()).await, "v");
    assert!(one.seen().line.out_of_memory > 0, "{:?}", one.seen().line);
    assert_eq!(one.scope(&a).unwrap().remove(KEY).await.unwrap(), Reach::Everywhere, "a generation can go");
    until("the other forgets", || async { get(&two, &a, KEY).await.is_none() }).await;
}

#[tokio::test]
async fn a_read_only_replica_is_not_believed_after_a_removal() {
    let scene = Scene::new();
    let cache = scene.process().await;
    let a = scene.tenant("a");
    put(&cache, &a, KEY, "old").await;
    let mut stranger = scene.server.stranger().await;
    redis::cmd("REPLICAOF").arg(&["127.0.0.1", "1"]).query_async::<()>(&mut stranger).await.unwrap();
    assert_eq!(cache.scope(&a).unwrap().remove(KEY).await.unwrap(), Reach::HereOnly);
    assert!(cache.seen().line.read_only > 0, "{:?}", cache.seen().line);
    assert!(cache.scope(&a).unwrap().is_distrusted());
    assert_eq!(get(&cache, &a, KEY).await, None, "Redis still has it, and is not asked");
    redis::cmd("REPLICAOF").arg(&["NO", "ONE"]).query_async::<()>(&mut stranger).await.unwrap();
    until("what was owed is paid", || async { !cache.scope(&a).unwrap().is_distrusted() }).await;
    assert_eq!(get(&cache, &a, KEY).await, None);
}

#[tokio::test]
async fn a_server_that_says_something_else_is_survived() {
    let scene = Scene::new();
    let cache = scene.process().await;
    let a = scene.tenant("a");
    put(&cache, &a, KEY, "v").await;
    let (mut stranger, name) = (scene.server.stranger().await, scene.server.name("tenantry:1:e:").await);
    for damage in ["", "short", &"x".repeat(200)] {
        redis::cmd("SET").arg(&name).arg(damage).query_async::<()>(&mut stranger).await.unwrap();
        let fresh = scene.process().await;
        assert_eq!(load(&fresh, &a, KEY, "loaded", &Arc::default()).await, "loaded");
        assert_eq!(fresh.seen().line.damaged, 1);
    }
    redis::cmd("DEL").arg(&name).query_async::<()>(&mut stranger).await.unwrap();
    redis::cmd("LPUSH").arg(&name).arg("a list").query_async::<()>(&mut stranger).await.unwrap();
    let fresh = scene.process().await;
    assert_eq!(load(&fresh, &a, KEY, "loaded", &Arc::default()).await, "loaded");
}

/// K-08: the next caller must not read the answer of one that left.
#[tokio::test]
async fn callers_that_leave_in_the_middle_shift_no_answer() {
    let scene = Scene::new();
    let (one, two) = (scene.process().await, scene.process().await);
    let (a, b) = (scene.tenant("a"), scene.tenant("b"));
    for number in 0..200 {
        let id = number.to_string();
        put(&one, &a, ("k", &id), &format!("a{id}")).await;
        put(&one, &b, ("k", &id), &format!("b{id}")).await;
    }
    for round in 0..10 {
        for number in 0..200 {
            let id = number.to_string();
            {
                let entries = two.scope(&a).unwrap();
                let mut left = std::pin::pin!(entries.get(("k", id.as_str())));
                // polled a few times, then dropped
                for _ in 0..=(round + number) % 4 {
                    let polled = std::future::poll_fn(|c| std::task::Poll::Ready(left.as_mut().poll(c))).await;
                    if polled.is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            assert_eq!(get(&two, &b, ("k", &id)).await, Some(format!("b{id}")));
        }
        two.scope(&b).unwrap().remove(("k", "0")).await.unwrap();
        put(&one, &b, ("k", "0"), "b0").await;
        let fresh = scene.process().await;
        assert_eq!(get(&fresh, &b, ("k", "1")).await.as_deref(), Some("b1"));
    }
}

#[tokio::test]
async fn large_values_are_loaded_and_not_kept() {
    let scene = Scene::new();
    let cache = scene.process().await;
    let a = scene.tenant("a");
    put(&cache, &a, KEY, "small").await;
    let large = Bytes::from(vec![0; (1 << 20) + 1]);
    cache.scope(&a).unwrap().put(KEY, TTL, large).await.unwrap();
    assert_eq!(get(&cache, &a, KEY).await, None, "and what was there before is gone");
    assert_eq!(cache.scope(&a).unwrap().used().too_large, 1);
}

/// K-16: the user that the guide names can do what the cache does, and look at nothing of the server.
#[tokio::test]
async fn the_user_of_the_guide_is_enough_and_no_more() {
    let guide = include_str!("../../../../docs/guides/cache.md");
    let line = guide.lines().find(|l| l.starts_with("ACL SETUSER")).unwrap();
    let scene = Scene::new();
    let mut stranger = scene.server.stranger().await;
    let words: Vec<&str> = line.split(' ').collect();
    redis::cmd(words[0]).arg(&words[1..]).query_async::<()>(&mut stranger).await.unwrap();
    let mut settings = scene.settings();
    settings.lock_wait_max = Some(Duration::from_millis(100));
    let redis = settings.redis.as_mut().unwrap();
    redis.user = Some("cache".into());
    redis.password = Some(Zeroizing::new("password".into()));
    let cache = Cache::start(scene.directory.clone(), settings);
    tokio::time::timeout(SOON, cache.connected()).await.unwrap();
    let a = scene.tenant("a");
    put(&cache, &a, KEY, "v").await;
    assert_eq!(load(&cache, &a, ("k", ""), "w", &Arc::default()).await, "w");
    let entries = cache.scope(&a).unwrap();
    for reach in [entries.remove(KEY).await, entries.remove_kind("k").await, entries.clear().await] {
        assert_eq!(reach.unwrap(), Reach::Everywhere);
    }
    let line = cache.seen().line;
    assert_eq!((line.denied, line.errors), (0, 0), "{line:?}");
    let url = format!("redis://cache:password@127.0.0.1:{}", scene.server.port);
    let mut user = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    for forbidden in [
        "KEYS *",
        "SCAN 0",
        "MONITOR",
        "DBSIZE",
        "RANDOMKEY",
        "CLIENT LIST",
        "SLOWLOG GET",
        "FLUSHALL",
        "CONFIG GET *",
        "PSUBSCRIBE *",
        "GET other",
        "PUBLISH other x",
    ] {
        let words: Vec<&str> = forbidden.split(' ').collect();
        let error = redis::cmd(words[0]).arg(&words[1..]).query_async::<redis::Value>(&mut user).await.unwrap_err();
        assert_eq!(error.code(), Some("NOPERM"), "{forbidden}: {error}");
    }
}

/// K-08, where looks go to the server together: each gets its own, and who leaves keeps nobody waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looks_that_go_together_each_get_their_own() {
    let mut scene = Scene::new();
    // nothing stays in the first level
    scene.bytes_max = 0;
    let cache = scene.process().await;
    let (a, b) = (scene.tenant("a"), scene.tenant("b"));
    for number in 0..200 {
        let id = number.to_string();
        put(&cache, &a, ("k", &id), &format!("a{id}")).await;
        if number % 3 != 0 {
            put(&cache, &b, ("k", &id), &format!("b{id}")).await;
        }
    }
    for round in 0..20 {
        let mut asking = Vec::new();
        for number in 0..200 {
            let (cache, tenant, is_a) = if number % 2 == 0 { (&cache, &a, true) } else { (&cache, &b, false) };
            let (cache, tenant, id) = (cache.clone(), tenant.clone(), number.to_string());
            let task = tokio::spawn(async move { get(&cache, &tenant, ("k", &id)).await });
            asking.push((number, is_a, task));
            // the server is asked meanwhile
            if number % 16 == 0 {
                tokio::task::yield_now().await;
            }
        }
        for (number, is_a, task) in asking {
            if (number + round) % 7 == 0 {
                // it may be the one that asks for the others
                task.abort();
                continue;
            }
            let wanted = match is_a {
                true => Some(format!("a{number}")),
                false => (number % 3 != 0).then(|| format!("b{number}")),
            };
            let found = tokio::time::timeout(SOON, task).await.expect("nobody waits for one that left").unwrap();
            assert_eq!(found, wanted, "{number} in round {round}");
        }
    }
    assert_eq!(cache.seen().line.damaged, 0);
}
