//! K-02, K-04, K-10, K-13 and H-13 for answers that are kept: whose they are, which of them are, and what ends them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tenantry_gateway::settings::{AnswersSettings, CacheSecret, CacheSettings};

use crate::redis::Redis;
use crate::scene::{Answer, Scene, bearer, get};

const A: &str = "acme.example.com";
const B: &str = "bolt.example.com";
/// Longest wait for something that comes at once.
const SOON: Duration = Duration::from_secs(20);
const INSIDE: &str = "gateway.internal";

/// Asks twice; whether the second came from what was kept.
fn is_kept(scene: &Scene, host: &str, path: &str, lines: &[&str]) -> bool {
    let (first, received) = scene.get(host, path, lines);
    assert!(received.len() == 1 && first.status < 500, "{path} {lines:?}: {first:?}");
    let (second, received) = scene.get(host, path, lines);
    if received.is_empty() {
        assert_eq!((second.status, &second.body), (first.status, &first.body), "{path}");
        assert!(second.header("age").is_some(), "{}", second.head);
    }
    received.is_empty()
}

#[test]
fn what_says_so_is_kept_and_nothing_else() {
    let scene = Scene::new();
    for kept in ["/kept/1?cc=max-age=60", "/kept/2?cc=s-maxage=60&chunked=1", "/kept/3?cc=max-age=60&status=404"] {
        assert!(is_kept(&scene, A, kept, &[]), "{kept}");
    }
    for not in [
        "/kept/4",
        "/kept/5?cc=public",
        "/kept/6?cc=max-age=60,private",
        "/kept/7?cc=max-age=60,no-store",
        "/kept/8?cc=max-age=60&cookie=a=b",
        "/kept/9?cc=max-age=60&vary=*",
        "/kept/10?cc=max-age=60&status=201",
        "/x?cc=max-age=60",
    ] {
        assert!(!is_kept(&scene, A, not, &[]), "{not}");
    }
    // what the client says of itself
    for line in ["Cache-Control: no-store", "Cache-Control: no-cache", "Pragma: no-cache", "Range: bytes=0-1"] {
        assert!(!is_kept(&scene, A, "/kept/11?cc=max-age=60", &[line]), "{line}");
    }
    assert!(!is_kept(&scene, A, "/kept/12?cc=max-age=60", &["Authorization: Basic eDp5"]), "RFC 9111, 3.5");
    assert!(is_kept(&scene, A, "/kept/13?cc=max-age=60,public", &["Authorization: Basic eDp5"]));
    // larger than may be kept: passed on whole
    let long = format!("X-Long: {}", "a".repeat(12_000));
    assert!(!is_kept(&scene, A, "/kept/14?cc=max-age=60", &[&long]));
}

#[test]
fn it_is_spoken_as_the_application_said_it() {
    let scene = Scene::new();
    let path = "/kept/x?cc=max-age=60&etag=%22v1%22";
    let path = path.replace("%22", "!");
    assert!(is_kept(&scene, A, &path, &["Accept: a/b"]));
    let (answer, received) = scene.get(A, &path, &["Accept: a/b", "If-None-Match: !v1!"]);
    assert_eq!((answer.status, answer.header("etag"), received.len()), (304, Some("!v1!"), 0), "{answer:?}");
    assert!(answer.body.is_empty() && answer.header("x-request-id").is_some());
    assert!(answer.header("x-content-type-options").is_some(), "{}", answer.head);
    let head = format!("HEAD {path} HTTP/1.1\r\nHost: {A}\r\nAccept: a/b\r\n\r\n");
    let (answer, received) = scene.ask(&head);
    assert_eq!((answer.status, received.len()), (200, 0));
    assert!(answer.header("content-length").is_some_and(|l| l != "0"), "{}", answer.head);
    // a connection goes on after it, in the order of its requests
    let mut client = scene.client();
    let one = get(A, &path, &["Accept: a/b"]);
    client.send(format!("{one}{one}{}", get(A, "/after", &[])));
    let bodies: Vec<String> = (0..3).map(|_| client.answer().body).collect();
    assert_eq!(bodies[0], bodies[1]);
    assert!(bodies[2].contains("/after"));
    let text = tenantry_gateway::metrics::Metrics::default().text(&scene.gateway.observer());
    assert!(text.contains("tenantry_cache_hits_total{tenant=\"1\"}"), "{text}");
}

#[test]
fn a_write_forgets_what_is_kept_of_its_path_and_of_no_other() {
    let scene = Scene::new();
    let of = |host: &str, path: &str| scene.get(host, path, &[]).0.body;
    let (path, other) = ("/kept/all/s?cc=max-age=60", "/kept/all/t?cc=max-age=60");
    let before = [of(A, path), of(A, other), of(B, path)];
    let post = |path: &str| format!("POST {path} HTTP/1.1\r\nHost: {A}\r\nContent-Length: 0\r\n\r\n");
    scene.ask(&post("/kept/all/s?status=500"));
    assert_eq!(of(A, path), before[0], "what failed has changed nothing");
    scene.ask(&post("/kept/all/s"));
    assert_ne!(of(A, path), before[0]);
    assert_eq!([of(A, other), of(B, path)], before[1..]);
}

fn ask(scene: &Scene, path: &str) -> Answer {
    let mut client = scene.client();
    client.send(get(A, path, &[]));
    client.answer()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < SOON, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn of_all_who_ask_at_once_one_goes_to_the_application() {
    let scene = Scene::new();
    let gate = &scene.application.gate;
    let ask_all = |path: &str| {
        scene.application.take();
        gate.open(false);
        let answers: Vec<Answer> = std::thread::scope(|threads| {
            let ask = || ask(&scene, path);
            let asking: Vec<_> = (0..20).map(|_| threads.spawn(ask)).collect();
            until("all have asked", || scene.directory_requests("acme") == 20);
            gate.open(true);
            asking.into_iter().map(|a| a.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|a| a.status == 200 && a.body.contains("tenant=1")), "{answers:?}");
        scene.application.take().len()
    };
    assert_eq!(ask_all("/kept/all/one?cc=max-age=60&hold=1"), 1);
    assert_eq!(ask_all("/kept/all/vary?cc=max-age=60&hold=1&vary=X-Other"), 2, "once more, under what it depends on");
    // what may not be kept is waited for once, and then no more
    assert_eq!(ask_all("/kept/all/never?hold=1"), 20);
    // who asks for all leaves in the middle: another one does
    gate.open(false);
    let path = "/kept/all/left?cc=max-age=60&hold=1";
    let mut first = scene.client();
    first.send(get(A, path, &[]));
    until("the first is at the application", || scene.application.count() == 1);
    let second = std::thread::scope(|threads| {
        let second = threads.spawn(|| ask(&scene, path));
        until("the second waits", || scene.directory_requests("acme") == 2);
        drop(first);
        until("the second asks", || scene.application.count() == 2);
        gate.open(true);
        second.join().unwrap()
    });
    assert_eq!(second.status, 200);
    // an answer that breaks off is not kept
    scene.get(A, "/kept/all/broken?cc=max-age=60&close=1", &[]);
    assert_eq!(scene.get(A, "/kept/all/broken?cc=max-age=60&close=1", &[]).1.len(), 1);
}

/// K-10: who may not work reads nothing, wherever it is.
#[test]
fn k10_a_suspended_tenant_reads_nothing_that_is_kept() {
    let scene = Scene::new();
    assert!(is_kept(&scene, A, "/kept/x?cc=max-age=60", &[]));
    let path = "/kept/all/slow?cc=max-age=60&hold=1";
    scene.application.take();
    std::thread::scope(|threads| {
        // waits for an answer while its tenant is suspended
        let mut first = scene.client();
        first.send(get(A, path, &[]));
        until("the first is at the application", || scene.application.count() == 1);
        let second = threads.spawn(|| ask(&scene, path));
        until("the second waits", || scene.directory_requests("acme") == 2);
        scene.suspend(&["acme"]);
        assert_ne!(second.join().unwrap().status, 200);
        scene.application.gate.open(true);
    });
    let (answer, received) = scene.get(A, "/kept/x?cc=max-age=60", &[]);
    assert_eq!((answer.status, answer.code().as_str(), received.len()), (403, "TENANT_SUSPENDED", 0));
}

/// K-04: one path is one key, however it is written, and no two are.
#[test]
fn k04_a_path_is_kept_under_its_one_reading() {
    let scene = Scene::new();
    let body = |path: &str| scene.get(A, path, &[]).0.body;
    let kept = body("/kept/all/me?cc=max-age=60");
    assert_eq!(body("/kept/all/%6De?cc=max-age=60"), kept);
    for other in [
        "/kept/all/ME?cc=max-age=60",
        "/kept/all/me;.css?cc=max-age=60",
        "/kept/all/me/?cc=max-age=60",
        "/kept/all/me/x.css?cc=max-age=60",
        "/kept/all/me%3Fcc=max-age=60",
        "/kept/all/me?cc=max-age=60&",
    ] {
        assert_ne!(body(other), kept, "{other}");
    }
    for refused in ["/kept/all/../all/me", "/kept/all/me%2f..%2fyou", "/kept//all/me"] {
        assert_eq!(scene.get(A, refused, &[]).0.status, 400, "{refused}");
    }
    // hosts of one tenant are two hosts
    assert_ne!(scene.get("shop.acme.com", "/kept/all/me?cc=max-age=60", &[]).0.body, kept);
}

#[test]
fn gateways_share_what_they_keep_and_hear_what_is_forgotten() {
    let redis = Redis::start();
    let start = || {
        let redis = redis.settings();
        Scene::without(None, move |settings| {
            let cache = CacheSettings { jitter: 0.0, ..CacheSettings::new("shared") };
            let cache = cache.with_redis(redis, CacheSecret::new([3; 32]));
            settings.answers = Some(Arc::new(AnswersSettings { cache, answer_bytes_max: 10_000 }));
        })
    };
    let (one, two) = (start(), start());
    let begin = Instant::now();
    let shared = (0..).find_map(|number| {
        assert!(begin.elapsed() < SOON, "the other gateway knows nothing");
        let path = format!("/kept/all/{number}?cc=max-age=600");
        let first = one.get(A, &path, &[]).0.body;
        let (second, received) = two.get(A, &path, &[]);
        // their lines to Redis are there after a while
        (received.is_empty() && second.body == first).then_some((path, first))
    });
    let (path, first) = shared.unwrap();
    let elsewhere = two.get(B, &path, &[]);
    assert_eq!(elsewhere.1.len(), 1, "of another tenant it is another one");
    one.ask(&format!("DELETE {} HTTP/1.1\r\nHost: {A}\r\n\r\n", path.split('?').next().unwrap()));
    while two.get(A, &path, &[]).0.body == first {
        assert!(begin.elapsed() < SOON, "nobody told the other gateway");
    }
    assert_eq!(two.get(B, &path, &[]).0.body, elsewhere.0.body);
}

/// K-02: the same path, on the same host, of another tenant.
pub(crate) fn of_another_tenant(scene: &Scene) -> bool {
    let path = "/kept/api/me?cc=max-age=60,public";
    scene.get(INSIDE, path, &[&bearer("acme")]);
    scene.get(INSIDE, path, &[&bearer("bolt")]).0.body.contains("tenant=1")
}

/// K-04: an answer to somebody else of the same tenant.
pub(crate) fn of_another_credential(scene: &Scene) -> bool {
    let path = "/kept/me?cc=max-age=60";
    scene.get(A, path, &["Cookie: session=victim"]);
    scene.get(A, path, &["Cookie: session=attacker"]).0.body.contains("victim")
}

/// K-04: a header that the application writes into its answer, and of which nobody says that it counts.
pub(crate) fn poisoned_by_a_header(scene: &Scene) -> bool {
    let path = "/kept/all/page?cc=max-age=60";
    scene.get(A, path, &["X-Theme: attackers", "X-Forwarded-Host: attackers", "X-Original-URL: /attackers"]);
    scene.get(A, path, &[]).0.body.contains("attackers")
}

/// K-04: an answer that depends on a header which is part of no key.
pub(crate) fn of_another_variant(scene: &Scene) -> bool {
    let path = "/kept/all/agent?cc=max-age=60&vary=User-Agent";
    scene.get(A, path, &["User-Agent: one"]);
    scene.get(A, path, &["User-Agent: one"]);
    let (answer, _) = scene.get(A, path, &["User-Agent: two"]);
    answer.body.contains("User-Agent: one")
}

/// K-04: a cookie that was meant for one.
pub(crate) fn somebodys_cookie(scene: &Scene) -> bool {
    let path = "/kept/all/start?cc=max-age=60&cookie=session=victim";
    scene.get(A, path, &["Cookie: who=victim"]);
    scene.get(A, path, &["Cookie: who=attacker"]).0.header("set-cookie").is_some() && {
        // it is not the attacker's own: nobody asked the application
        scene.get(A, path, &["Cookie: who=attacker"]).1.is_empty()
    }
}

/// K-04: a page of one's own under a name that looks like everybody's.
pub(crate) fn deceived_by_a_suffix(scene: &Scene) -> bool {
    let path = "/kept/all/account/x.css";
    scene.get(A, path, &["Cookie: session=victim"]);
    scene.get(A, path, &["Cookie: session=attacker"]).0.body.contains("victim")
}

/// K-04, H-13: a body that only the application reads.
pub(crate) fn poisoned_by_a_body(scene: &Scene) -> bool {
    let path = "/kept/all/fat?cc=max-age=60";
    scene.ask(&format!("GET {path} HTTP/1.1\r\nHost: {A}\r\nContent-Length: 9\r\n\r\nattackers"));
    scene.get(A, path, &[]).0.body.contains("attackers")
}
