//! Each protection of the cache, and the attack that must succeed while it is gone and fail while it is there.
//!
//! The list of protections is a golden file beside this one, so that none disappears unnoticed.

use bytes::Bytes;
use tenantry_cache::ablation::Protection;

use crate::scene::{SOON, Scene, TENANTS, TTL, get, listed, put, until};
use crate::share::hit_rate;

const KEY: (&str, &str) = ("segment", "123");

/// The attack meant for a protection, and whether it succeeded.
async fn attack(scene: &mut Scene, protection: Protection) -> (&'static str, bool) {
    let removed = scene.removed;
    match protection {
        // the tenant `a` with the part that its key says, and the tenant `a:b`
        Protection::Lengths => ("K-01", {
            let (one, two) = (scene.process().await, scene.process().await);
            put(&one, &scene.tenant("a"), ("k", "x:y"), "first").await;
            put(&one, &scene.tenant("a"), ("k:x", "y"), "second").await;
            get(&two, &scene.tenant("a"), ("k", "x:y")).await.as_deref() != Some("first")
        }),
        Protection::TenantInName => ("K-02", {
            let (one, two) = (scene.process().await, scene.process().await);
            put(&one, &scene.tenant("a"), KEY, "of a").await;
            put(&one, &scene.tenant("b"), KEY, "of b").await;
            // overwritten: what is sealed for b opens for nobody else
            get(&two, &scene.tenant("a"), KEY).await.is_none()
        }),
        // whoever may write to Redis gives b what was sealed for a
        Protection::Bound => ("K-03", {
            let cache = scene.process().await;
            let (a, b) = (scene.tenant("a"), scene.tenant("b"));
            put(&cache, &a, KEY, "CANARY-a").await;
            let of_a = scene.server.name("tenantry:1:e:").await;
            put(&cache, &b, KEY, "of b").await;
            let of_b = scene.server.names().await.into_iter().find(|n| n.starts_with("tenantry:1:e:") && *n != of_a);
            let mut stranger = scene.server.stranger().await;
            // the generations are made to agree too, for they are not secret
            same_generations(scene, &mut stranger).await;
            let fresh = scene.process().await;
            put(&fresh, &a, KEY, "CANARY-a").await;
            let sealed: Vec<u8> = redis::cmd("GET").arg(&of_a).query_async(&mut stranger).await.unwrap();
            redis::cmd("SET").arg(of_b.as_ref().unwrap()).arg(sealed).query_async::<()>(&mut stranger).await.unwrap();
            let fresh = scene.process().await;
            get(&fresh, &b, KEY).await.as_deref() == Some("CANARY-a")
        }),
        Protection::Overtaken => ("K-03", {
            let (one, two) = (scene.process().await, scene.process().await);
            let a = scene.tenant("a");
            let entries = one.scope(&a).unwrap();
            let load = || async {
                // read before the commit that the other process then tells of
                two.scope(&a).unwrap().remove(KEY).await.unwrap();
                until("it was heard", || async { one.seen().line.heard > 0 }).await;
                Ok::<_, std::io::Error>(Some(Bytes::from_static(b"old")))
            };
            entries.get_or_load(KEY, TTL, load).await.unwrap();
            get(&one, &a, KEY).await.is_some() || get(&two, &a, KEY).await.is_some()
        }),
        Protection::Generation => ("K-06", {
            let (one, two) = (scene.process().await, scene.process().await);
            let (b, star) = (scene.tenant("b"), scene.tenant("*"));
            put(&one, &b, KEY, "of b").await;
            one.scope(&star).unwrap().clear().await.unwrap();
            get(&two, &b, KEY).await.is_none()
        }),
        Protection::Arguments => ("K-07", {
            let (one, two) = (scene.process().await, scene.process().await);
            let (a, b) = (scene.tenant("a"), scene.tenant("b"));
            put(&one, &b, KEY, "of b").await;
            let evil = "') redis.call('FLUSHALL') redis.call('DEL', 'x";
            one.scope(&a).unwrap().remove(("k", evil)).await.unwrap();
            get(&two, &b, KEY).await.is_none()
        }),
        Protection::State => ("K-10", {
            let cache = scene.process().await;
            let a = scene.tenant("a");
            put(&cache, &a, KEY, "v").await;
            let suspended = TENANTS.replacen(r#"{"key": "a"}"#, r#"{"key": "a", "state": "suspended"}"#, 1);
            scene.directory.publish(listed(&suspended, 2)).unwrap();
            let read = get(&cache, &a, KEY).await.is_some();
            scene.directory.publish(listed(TENANTS, 3)).unwrap();
            read
        }),
        Protection::SealedMessages => ("K-11", {
            let cache = scene.process().await;
            let b = scene.tenant("b");
            put(&cache, &b, KEY, "of b").await;
            let mut stranger = scene.server.stranger().await;
            let channels: Vec<String> =
                redis::cmd("PUBSUB").arg(&["CHANNELS", "*"]).query_async(&mut stranger).await.unwrap();
            let mut forged = Vec::new();
            for part in ["somebody", "all"] {
                forged.extend_from_slice(&(part.len() as u32).to_be_bytes());
                forged.extend_from_slice(part.as_bytes());
            }
            let publish = redis::cmd("PUBLISH").arg(&channels[0]).arg(forged).clone();
            publish.query_async::<i64>(&mut stranger).await.unwrap();
            until("it was heard", || async {
                let line = cache.seen().line;
                line.forged + line.heard > 0
            })
            .await;
            cache.scope(&b).unwrap().bytes() == 0
        }),
        Protection::Share => ("K-13", hit_rate(removed, false).await - hit_rate(removed, true).await > 0.05),
        Protection::WholeName => ("K-15", {
            let (one, two) = (scene.process().await, scene.process().await);
            let a = scene.tenant("a");
            // a byte of a name is met again after some dozen others
            for number in 0..300 {
                put(&one, &a, ("k", &number.to_string()), &number.to_string()).await;
            }
            let mut lost = false;
            for number in 0..300 {
                let id = number.to_string();
                lost |= get(&two, &a, ("k", &id)).await != Some(id);
            }
            lost
        }),
        Protection::HiddenNames => ("K-16", {
            let cache = scene.process().await;
            put(&cache, &scene.tenant("a*"), ("segment", "CANARY"), "v").await;
            let mut stranger = scene.server.stranger().await;
            let mut seen = scene.server.names().await;
            let channels: Vec<String> =
                redis::cmd("PUBSUB").arg(&["CHANNELS", "*"]).query_async(&mut stranger).await.unwrap();
            seen.extend(channels);
            seen.iter().any(|name| name.contains("CANARY") || name.contains("a*") || name.contains("shop"))
        }),
        // the server saves, a removal follows, the server dies and comes back with what it saved
        Protection::RunId => ("K-10", {
            let cache = scene.process().await;
            let a = scene.tenant("a");
            put(&cache, &a, KEY, "old").await;
            let mut stranger = scene.server.stranger().await;
            redis::cmd("SAVE").query_async::<()>(&mut stranger).await.unwrap();
            cache.scope(&a).unwrap().clear().await.unwrap();
            scene.server.stop();
            scene.server.start_again();
            let fresh = scene.process().await;
            get(&fresh, &a, KEY).await.is_some()
        }),
        Protection::FlushOnReconnect => ("K-10", {
            let (one, two) = (scene.process().await, scene.process().await);
            let a = scene.tenant("a");
            put(&one, &a, KEY, "old").await;
            get(&two, &a, KEY).await;
            let mut stranger = scene.server.stranger().await;
            let lost = two.seen().line.lost;
            // the second process does not hear what the first removes
            let connected = (one.seen().line.connected, two.seen().line.connected);
            redis::cmd("CLIENT").arg(&["PAUSE", "300", "ALL"]).query_async::<()>(&mut stranger).await.unwrap();
            drop(stranger);
            scene.server.stop();
            until("both lost it", || async { !one.is_connected() && !two.is_connected() }).await;
            one.scope(&a).unwrap().remove(KEY).await.unwrap();
            scene.server.start_again();
            for cache in [&one, &two] {
                tokio::time::timeout(SOON, cache.connected()).await.unwrap();
            }
            assert!(two.seen().line.lost > lost && two.seen().line.connected > connected.1 && connected.0 > 0);
            // what is owed may not have been paid yet: the first level answers at once
            get(&two, &a, KEY).await.is_some()
        }),
        Protection::KindInName => ("K-12", {
            let (one, two) = (scene.process().await, scene.process().await);
            let a = scene.tenant("a");
            put(&one, &a, ("blob", "1"), "what a user wrote").await;
            get(&two, &a, ("policy", "1")).await.is_some() || {
                put(&one, &a, ("policy", "1"), "a policy").await;
                get(&two, &a, ("blob", "1")).await.is_none()
            }
        }),
    }
}

/// Gives every tenant and kind the same generation.
async fn same_generations(scene: &Scene, stranger: &mut redis::aio::MultiplexedConnection) {
    for name in scene.server.names().await {
        if name.starts_with("tenantry:1:g:") {
            redis::cmd("SET").arg(name).arg(&[5u8; 16][..]).query_async::<()>(stranger).await.unwrap();
        }
    }
}

#[tokio::test]
async fn each_attack_succeeds_without_its_protection_and_only_then() {
    let mut list = String::new();
    for protection in Protection::ALL {
        let (id, succeeded) = Box::pin(attack(&mut Scene::new(), protection)).await;
        assert!(!succeeded, "{id} succeeds against {protection:?}");
        let (_, succeeded) = Box::pin(attack(&mut Scene::without(Some(protection)), protection)).await;
        assert!(succeeded, "nobody misses {protection:?}: {id} fails without it");
        list.push_str(&format!("{protection:?}: {id}\n"));
    }
    assert_eq!(list, include_str!("ablation.golden"), "the protections and their attacks");
}

/// K-06 and K-01 once more, with tenants whose keys are patterns and separators: none meets another.
#[tokio::test]
async fn tenants_with_odd_keys_keep_their_own() {
    let scene = Scene::new();
    let (one, two) = (scene.process().await, scene.process().await);
    let keys = ["a", "b", "a:b", "*", "a*", "x'])"];
    for key in keys {
        put(&one, &scene.tenant(key), ("b:c", "*"), key).await;
        put(&one, &scene.tenant(key), ("c", "\r\nFLUSHALL\r\n"), key).await;
    }
    for key in keys {
        assert_eq!(get(&two, &scene.tenant(key), ("b:c", "*")).await.as_deref(), Some(key));
        assert_eq!(get(&two, &scene.tenant(key), ("c", "\r\nFLUSHALL\r\n")).await.as_deref(), Some(key));
    }
    one.scope(&scene.tenant("*")).unwrap().clear().await.unwrap();
    until("it is cleared", || async { get(&two, &scene.tenant("*"), ("b:c", "*")).await.is_none() }).await;
    for key in keys.iter().filter(|k| **k != "*") {
        assert_eq!(get(&two, &scene.tenant(key), ("b:c", "*")).await.as_deref(), Some(*key));
    }
}
