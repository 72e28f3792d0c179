//! H-06 to H-08, H-10, H-15: hosts and paths that two readers could read in two ways.

use crate::scene::{Scene, bearer};

#[test]
fn h06_a_host_is_one_name_for_all() {
    let scene = Scene::new();
    for host in ["acme.example.com", "acme.example.com:443", "ACME.EXAMPLE.COM", "acme.example.com."] {
        let (answer, received) = scene.get(host, "/x", &[]);
        assert_eq!(answer.status, 200, "{host}");
        let seen = received[0].one("host");
        assert_eq!(seen.split(':').next(), Some("acme.example.com"), "one form for the application too");
        assert_eq!(received[0].one("x-forwarded-host"), seen);
    }
    for host in [
        "bolt.example.com@acme.example.com",
        "acme.example.com@bolt.example.com",
        "acme.example.com:80@bolt.example.com",
        ".acme.example.com",
        "acme..example.com",
        "acme_.example.com",
        "acme.example.com/",
        "acme.example.com:",
        "acme.example.com:http",
        "acme.example.com, bolt.example.com",
        "acme.example.com bolt.example.com",
        "acme%2eexample.com",
        "acme.example.com\t",
        "\u{ff41}cme.example.com",
        "xn--example-.org",
        "acme.example.com#.bolt.example.com",
        &format!("{}.example.com", "a".repeat(300)),
    ] {
        let (answer, received) = scene.get(host, "/x", &[]);
        // a blank at the end of a value means nothing
        let is_same = host.trim_end() == "acme.example.com";
        assert!(is_same || answer.status == 400 && received.is_empty(), "{host:?}: {answer:?}");
    }
    for request in [
        "GET http://bolt.example.com/x HTTP/1.1\r\nHost: acme.example.com\r\n\r\n",
        "GET http://acme.example.com/x HTTP/1.1\r\nHost: acme.example.com\r\n\r\n",
        "GET //bolt.example.com/x HTTP/1.1\r\nHost: acme.example.com\r\n\r\n",
        "GET @bolt.example.com/x HTTP/1.1\r\nHost: acme.example.com\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: acme.example.com\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: acme.example.com\r\nHost: bolt.example.com\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: acme.example.com\r\nhost: acme.example.com\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost : acme.example.com\r\n\r\n",
        "GET /x HTTP/1.1\r\nX: y\r\n Host: bolt.example.com\r\nHost: acme.example.com\r\n\r\n",
    ] {
        let (answer, received) = scene.ask(request);
        assert_eq!((answer.status, received.len()), (400, 0), "{request}");
    }
    for line in ["X-Forwarded-Host: bolt.example.com", "Forwarded: host=bolt.example.com", "X-Host: bolt.example.com"] {
        let (answer, received) = scene.get("acme.example.com", "/x", &[line]);
        assert_eq!((answer.status, received[0].one("x-tenant-id").as_str()), (200, "1"));
        assert!(!received[0].head.contains("bolt"));
    }
}

#[test]
fn h10_a_domain_belongs_to_one_tenant_in_one_spelling() {
    use std::sync::Arc;
    use tenantry_edge::directory::{SnapshotBuilder, TenantFacts};
    use tenantry_model::{KeyKind, TenantKey};
    let scene = Scene::new();
    for host in ["shop.acme.com", "Shop.ACME.com", "shop.acme.com.", "shop.acme.com:8443"] {
        let (answer, received) = scene.get(host, "/x", &[]);
        assert_eq!((answer.status, received[0].one("x-tenant-id").as_str()), (200, "1"), "{host}");
    }
    for host in ["acme.com", "www.shop.acme.com", "xshop.acme.com"] {
        assert_eq!(scene.get(host, "/x", &[]).0.status, 404, "{host}");
    }
    let claims = |first: &str, second: &str| {
        let mut builder = SnapshotBuilder::new(KeyKind::Integer, 1);
        for (key, domain) in [(1, first), (2, second)] {
            let domains = vec![Arc::from(domain)];
            builder.add(TenantFacts { domains, ..TenantFacts::new(TenantKey::Integer(key)) })?;
        }
        builder.build()
    };
    assert!(claims("a.com", "b.com").is_ok());
    for (first, second) in [
        ("a.com", "a.com"),
        ("a.com", "A.com"),
        ("a.com", "a.com."),
        ("a.com", "*.a.com"),
        ("xn--mnchen-3ya.de", "m\u{fc}nchen.de"),
        ("a.com", "a.com:80"),
        ("a.com", "localhost"),
        ("a.com", "10.0.0.1"),
    ] {
        assert!(claims(first, second).is_err(), "{first} {second}");
    }
}

#[test]
fn h15_a_path_is_one_path_for_all() {
    let scene = Scene::new();
    // the route of `/api` wants a credential; whatever leads there in any reading has to
    for path in [
        "/public/../api/x",
        "/public/..%2fapi/x",
        "/public/%2e%2e/api/x",
        "/public/.%2e/api/x",
        "/public/..;/api/x",
        "/public//api/x",
        "//api/x",
        "/./api/x",
        "/public/..\\api\\x",
        "/public/%5c..%5capi",
        "/public/%00/api",
        "/api%2fx",
        "/%2fapi/x",
        "/public/\u{ff0e}\u{ff0e}/api",
        "/public/x#/api",
    ] {
        let (answer, received) = scene.get("acme.example.com", path, &[]);
        assert_eq!((answer.status, received.len()), (400, 0), "{path}: {answer:?}");
    }
    for path in ["/api/x", "/%61pi/x", "/a%70%69/x", "/api", "/api/", "/api/;v=1x/y"] {
        let (answer, received) = scene.get("acme.example.com", path, &[]);
        assert!([400, 401].contains(&answer.status) && received.is_empty(), "{path}: {answer:?}");
    }
    let (answer, received) = scene.get("acme.example.com", "/%61pi/%7Ex?a=%2e%2e", &[&bearer("acme")]);
    assert_eq!((answer.status, received[0].target()), (200, "/api/~x?a=%2e%2e"), "forwarded in its one reading");
}

#[test]
fn h12_whoever_keeps_another_proxy_asks_for_names_of_tenants_only() {
    let scene = Scene::with(|settings| {
        settings.ask_path = Some("/ask".into());
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let ask = |query: &str| scene.get("gateway.internal", &format!("/ask?{query}"), &[]);
    for query in ["domain=shop.acme.com", "domain=acme.example.com", "domain=SHOP.acme.com", "domain=shop.bolt.com"] {
        let (answer, received) = ask(query);
        assert_eq!((answer.status, received.len()), (200, 0), "{query}");
    }
    for query in [
        "",
        "domain=",
        "domain=shop.nobody.com",
        "domain=nobody.example.com",
        "domain=x.acme.example.com",
        "domain=example.com",
        "domain=www.example.com",
        "domain=localhost",
        "domain=127.0.0.1",
        "domain=shop.acme.com:443",
        "domain=*.acme.com",
        "domain=shop.acme.com&domain=shop.bolt.com",
        "domain=shop.acme.com%00",
        "name=shop.acme.com",
    ] {
        let (answer, received) = ask(query);
        assert_eq!((answer.status, received.len()), (404, 0), "{query}");
    }
    scene.suspend(&["acme"]);
    assert_eq!(ask("domain=shop.acme.com").0.status, 404, "who may not work gets no certificate");
    // nobody else is told who our tenants are
    let scene = Scene::with(|settings| settings.ask_path = Some("/ask".into()));
    assert_eq!(scene.get("gateway.internal", "/ask?domain=shop.acme.com", &[]).0.status, 400);
}
