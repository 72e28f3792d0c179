//! Several gateways before one application: together they let through what one would, and go on without Redis.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tenantry_gateway::ablation::Protection;
use tenantry_gateway::settings::{ExactSettings, Rate, Rates};

use crate::redis::Redis;
use crate::scene::Scene;

const SOON: Duration = Duration::from_secs(20);
const LIMIT: Rate = Rate { per_second: 20, burst: 40 };

/// One of two gateways.
pub(crate) fn gateway(redis: &Redis, removed: Option<Protection>, rate: Rate, wait_max: Duration) -> Scene {
    let exact = ExactSettings { redis: redis.settings(), realm: "test".into(), wait_max };
    let scene = Scene::without(removed, move |settings| {
        settings.rates = Rates { tenant: Some(rate), instances: 2, ..Rates::default() };
        settings.exact = Some(exact);
    });
    // of a tenant that nobody else asks for
    counted(&scene, "redis", "shop.bolt.com");
    scene
}

fn decisions(scene: &Scene, by: &str) -> u64 {
    let text = tenantry_gateway::metrics::Metrics::default().text(&scene.gateway.observer());
    let line = format!("tenantry_gateway_rate_decisions_total{{by=\"{by}\"}} ");
    text.lines().find_map(|l| l.strip_prefix(&line)).unwrap().parse().unwrap()
}

/// Asks until it is counted there.
fn counted(scene: &Scene, by: &str, host: &str) {
    let (begin, before) = (Instant::now(), decisions(scene, by));
    while decisions(scene, by) == before {
        scene.get(host, "/x", &[]);
        assert!(begin.elapsed() < SOON, "nothing is counted by {by}");
    }
}

/// Many ask both at once for a while: how many were let in, and for how long it went.
fn flood(gateways: &[&Scene], host: &str, for_at_least: Duration) -> (u32, Duration) {
    let (taken, begin) = (AtomicU32::new(0), Instant::now());
    std::thread::scope(|threads| {
        for scene in gateways {
            for _ in 0..3 {
                threads.spawn(|| {
                    let mut client = scene.client();
                    while begin.elapsed() < for_at_least {
                        client.send(crate::scene::get(host, "/x", &[]));
                        let answer = client.answer();
                        assert!(matches!(answer.status, 200 | 429), "{answer:?}");
                        if answer.status == 200 {
                            taken.fetch_add(1, Ordering::Relaxed);
                        } else {
                            assert!(answer.header("retry-after").is_some(), "{answer:?}");
                        }
                    }
                });
            }
        }
    });
    (taken.into_inner(), begin.elapsed())
}

#[test]
fn two_gateways_together_let_through_what_one_would() {
    let redis = Redis::start();
    // whatever the machine does meanwhile, Redis is waited for
    let (one, two) = (gateway(&redis, None, LIMIT, SOON), gateway(&redis, None, LIMIT, SOON));
    let (taken, took) = flood(&[&one, &two], "acme.example.com", Duration::from_millis(1500));
    let most = f64::from(LIMIT.burst) + f64::from(LIMIT.per_second) * took.as_secs_f64();
    assert!(f64::from(taken) <= most.ceil(), "{taken} of {most}");
    assert!(taken >= LIMIT.burst, "{taken}: the whole budget can be used");
    assert!(decisions(&one, "redis") > 1 && decisions(&two, "redis") > 1);
}

#[test]
fn redis_is_killed_and_requests_go_on_under_the_share() {
    let mut redis = Redis::start();
    let wait_max = Duration::from_millis(20);
    // the share of one of two: 10 at once, one in five seconds
    let rate = Rate { per_second: 1, burst: 20 };
    let one = gateway(&redis, None, rate, wait_max);
    std::thread::scope(|threads| {
        let asking = threads.spawn(|| {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(500) {
                let (answer, _) = one.get("bolt.example.com", "/x", &[]);
                assert!(matches!(answer.status, 200 | 429), "{answer:?}");
            }
        });
        redis.stop();
        asking.join().unwrap();
    });
    counted(&one, "share", "shop.bolt.com");
    let statuses: Vec<_> = (0..30).map(|_| one.get("acme.example.com", "/x", &[]).0.status).collect();
    let taken = statuses.iter().filter(|s| **s == 200).count();
    // ten at once, and whatever half a request in a second brought meanwhile
    assert!((10..20).contains(&taken), "{statuses:?}");
    redis.start_again();
    counted(&one, "redis", "shop.bolt.com");
}

#[test]
fn redis_that_does_not_answer_is_waited_for_no_longer_than_was_said() {
    let redis = Redis::start();
    let one = gateway(&redis, None, Rate { per_second: 1000, burst: 1000 }, Duration::from_millis(5));
    redis.freeze(true);
    counted(&one, "share", "acme.example.com");
    for _ in 0..20 {
        assert_eq!(one.get("acme.example.com", "/x", &[]).0.status, 200);
    }
    redis.freeze(false);
    counted(&one, "redis", "acme.example.com");
}

/// Q-08, H-38: whether one tenant's requests spend another's budget.
pub(crate) fn spends_anothers(removed: Option<Protection>) -> bool {
    let redis = Redis::start();
    let one = gateway(&redis, removed, Rate { per_second: 1, burst: 20 }, SOON);
    (0..40).for_each(|_| drop(one.get("bolt.example.com", "/x", &[])));
    one.get("acme.example.com", "/x", &[]).0.status == 429
}
