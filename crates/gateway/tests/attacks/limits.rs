//! H-37, H-38, H-42 and all that keeps one from taking what is everybody's.

use std::time::Duration;

use tenantry_gateway::settings::{Bounds, Maintenance, Rate, Rates, Times};

use crate::scene::{Scene, get};

const FEW: Rate = Rate { per_second: 1, burst: 5 };

#[test]
fn h37_an_address_is_an_address_whatever_it_says() {
    let scene = Scene::with(|settings| settings.rates = Rates { address: Some(FEW), ..Rates::default() });
    let mut limited = 0;
    for number in 0..20 {
        let line = format!("X-Forwarded-For: 10.0.0.{number}");
        let real = format!("X-Real-IP: 10.0.0.{number}");
        let (answer, received) = scene.get("acme.example.com", "/x", &[&line, &real]);
        if answer.status == 429 {
            limited += 1;
            assert!(answer.header("retry-after").is_some() && received.is_empty());
        } else {
            assert_eq!(received[0].one("x-forwarded-for"), "127.0.0.1");
        }
    }
    assert!(limited >= 13, "{limited}");
    // of a proxy of ours it counts
    let scene = Scene::with(|settings| {
        settings.rates = Rates { address: Some(FEW), ..Rates::default() };
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    for number in 0..20 {
        let line = format!("X-Forwarded-For: 6.6.6.6, 10.0.0.{number}, 127.0.0.9");
        let (answer, received) =
            scene.get("acme.example.com", "/x", &[&line, "X-Forwarded-Proto: https", "X-Request-ID: r-1"]);
        assert_eq!(answer.status, 200);
        assert_eq!(
            (received[0].one("x-forwarded-proto").as_str(), received[0].one("x-request-id").as_str()),
            ("https", "r-1")
        );
    }
}

#[test]
fn h38_strangers_do_not_spend_a_tenants_budget() {
    let scene = Scene::new();
    let flood: Vec<_> = (0..20).map(|_| scene.get("slow.example.com", "/x", &[]).0.status).collect();
    assert!(flood.iter().filter(|s| **s == 429).count() >= 13, "{flood:?}");
    let own = scene.get("slow.example.com", "/api/x", &[&crate::scene::bearer("slow")]).0;
    assert_eq!(own.status, 200, "{own:?}");
    assert!(
        own.header("ratelimit").is_some() && own.header("ratelimit-policy") == Some("\"tenant\";q=1;w=1"),
        "{}",
        own.head
    );
    assert_eq!(scene.get("acme.example.com", "/x", &[]).0.status, 200, "nor another tenant's");
}

#[test]
fn one_tenant_has_so_many_requests_at_once() {
    let scene = Scene::new();
    let open = |scene: &Scene| {
        let mut client = scene.client();
        client.send(get("slow.example.com", "/events", &[]));
        client
    };
    let mut streams: Vec<_> = (0..2).map(|_| open(&scene)).collect();
    for stream in &mut streams {
        assert!(stream.until(b"data: 0").is_some());
    }
    let (answer, received) = scene.get("slow.example.com", "/x", &[]);
    assert_eq!((answer.status, answer.code().as_str(), received.len()), (429, "TENANT_BUSY", 0));
    assert_eq!(scene.get("acme.example.com", "/x", &[]).0.status, 200);
}

#[test]
fn h42_what_is_too_much_is_refused() {
    let scene = Scene::with(|settings| {
        settings.bounds = Bounds { head_bytes_max: 4096, uri_bytes_max: 1000, headers_max: 20, ..Bounds::default() };
    });
    let long = "a".repeat(5000);
    let many: Vec<String> = (0..30).map(|n| format!("X-{n}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (request, status) in [
        (get("acme.example.com", &format!("/{}", &long[..2000]), &[]), 414),
        (get("acme.example.com", &format!("/{long}"), &[]), 414),
        (get("acme.example.com", "/x", &[&format!("X: {long}")]), 431),
        (get("acme.example.com", "/x", &many), 431),
        ("POST /small HTTP/1.1\r\nHost: acme.example.com\r\nContent-Length: 11\r\n\r\nhello world".into(), 413),
        (
            "POST /small HTTP/1.1\r\nHost: acme.example.com\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n".into(),
            413,
        ),
        ("POST /x HTTP/1.1\r\nHost: acme.example.com\r\nExpect: magic\r\nContent-Length: 1\r\n\r\n".into(), 417),
    ] {
        let (answer, received) = scene.ask(&request);
        assert_eq!(answer.status, status, "{}: {answer:?}", &request[..60.min(request.len())]);
        assert!(received.iter().all(|r| r.body.len() <= 10));
    }
    assert_eq!(
        scene.ask("POST /small HTTP/1.1\r\nHost: acme.example.com\r\nContent-Length: 10\r\n\r\n0123456789").0.status,
        200
    );
}

#[test]
fn h42_who_is_slow_is_not_waited_for() {
    let scene = Scene::with(|settings| {
        settings.times = Times {
            head_within: Duration::from_millis(200),
            idle_within: Duration::from_millis(200),
            pause_within: Duration::from_millis(200),
            ..Times::default()
        };
    });
    let mut client = scene.client();
    client.send("GET /x HTTP/1.1\r\nHost: acme");
    assert_eq!(client.answer().status, 408);
    assert!(client.is_over());
    let mut client = scene.client();
    assert_eq!(client.answer().status, 0, "silence is ended silently");
    let mut client = scene.client();
    client.send("POST /x HTTP/1.1\r\nHost: acme.example.com\r\nContent-Length: 1000\r\n\r\nsome");
    assert_eq!(client.answer().status, 408);
    assert!(client.is_over());
}

#[test]
fn maintenance_is_for_one_or_for_all() {
    fn of(tenants: &[&str], all: bool) -> Maintenance {
        let tenants = tenants.iter().map(|t| (*t).to_owned()).collect();
        Maintenance { all, tenants, retry_after: Duration::from_secs(90) }
    }
    let one = Scene::with(|settings| settings.maintenance = of(&["acme"], false));
    let (answer, received) = one.get("acme.example.com", "/x", &[]);
    assert_eq!((answer.status, answer.header("retry-after"), received.len()), (503, Some("90"), 0));
    assert_eq!(one.get("bolt.example.com", "/x", &[]).0.status, 200);
    let all = Scene::with(|settings| settings.maintenance = of(&[], true));
    assert_eq!(all.get("bolt.example.com", "/x", &[]).0.status, 503);
}
