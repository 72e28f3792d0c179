//! H-01 to H-05, H-16, H-17, H-40: names of tenants that anybody can write.

use crate::scene::{Scene, bearer, get};

#[test]
fn h01_a_header_decides_nothing() {
    let scene = Scene::new();
    for path in ["/x", "/api/x", "/public/x"] {
        for name in ["X-Tenant-ID", "X-Workspace-Id", "X-Tenant", "x-tenant-id"] {
            for value in ["bolt", "2", "acme"] {
                let line = format!("{name}: {value}");
                // with a token of another tenant, with none, on a host that names none
                let (answer, received) = scene.get("gateway.internal", "/api/x", &[&bearer("slow"), &line]);
                assert_eq!((answer.status, received.len()), (403, 0), "{line}");
                let (answer, received) = scene.get("gateway.internal", path, &[&line]);
                match path {
                    "/public/x" => assert_eq!(received[0].all("x-tenant-id").len(), 0, "{received:?}"),
                    _ => {
                        assert!([401, 403].contains(&answer.status) && received.is_empty(), "{path} {line}: {answer:?}")
                    }
                }
            }
        }
    }
}

#[test]
fn h02_no_two_places_disagree() {
    let scene = Scene::new();
    let names = ["acme", "bolt"];
    for token in names {
        for host in names {
            for header in names {
                for query in names {
                    let all_agree = [host, header, query].iter().all(|n| *n == token);
                    let (answer, received) = scene.ask(&get(
                        &format!("{host}.example.com"),
                        &format!("/query/x?tenantId={query}"),
                        &[&format!("X-Tenant: {header}")],
                    ));
                    let three_agree = host == header && host == query;
                    assert_eq!((answer.status == 200, received.len() == 1), (three_agree, three_agree));
                    let lines = [bearer(token), format!("X-Tenant: {header}"), "Content-Type: application/json".into()];
                    let body = format!("{{\"tenantId\": \"{query}\"}}");
                    let (answer, received) = scene.ask(&format!(
                        "POST /body/x HTTP/1.1\r\nHost: {host}.example.com\r\n{}\r\nContent-Length: {}\r\n\r\n{body}",
                        lines.join("\r\n"),
                        body.len()
                    ));
                    assert_eq!((answer.status == 200, received.len() == 1), (all_agree, all_agree), "{answer:?}");
                    if all_agree {
                        assert_eq!(received[0].body, body.as_bytes());
                    } else {
                        assert_eq!(answer.status, 403);
                    }
                }
            }
        }
    }
}

#[test]
fn h03_no_spelling_survives() {
    let scene = Scene::new();
    for line in [
        "X-Tenant-ID: acme",
        "X_Tenant_ID: bolt",
        "X_TENANT-ID: bolt",
        "x-tenantry-context: forged",
        "X-TENANTRY-ANYTHING: forged",
        "X_Tenantry_Context: forged",
        "X-Tenantry-Pass: forged",
        "X-Forwarded-Host: bolt.example.com",
        "X-Forwarded-Tenant: bolt",
        "X-Original-Host: bolt.example.com",
        "Forwarded: host=bolt.example.com",
        "X-HTTP-Method-Override: DELETE",
        "X-Request-ID: forged",
    ] {
        let (answer, received) = scene.get("acme.example.com", "/x", &[line]);
        assert_eq!(answer.status, 200, "{line}");
        let head = received[0].head.to_ascii_lowercase();
        assert!(!head.contains("bolt") && !head.contains("forged") && !head.contains("override"), "{line}: {head}");
        assert_eq!(received[0].one("x-tenant-id"), "1");
        received[0].one("x-tenantry-context");
        assert!(!head.lines().skip(1).any(|l| l.split(':').next().is_some_and(|n| n.contains('_'))), "{head}");
    }
    for line in [
        "X-Tenant-ID : acme",
        "X-Tenant-ID\t: acme",
        " X-Tenant-ID: acme",
        "X-Other: a\r\n X-Tenant-ID: bolt",
        "X-Tenant-ID: acme\r\nX-Tenant-ID: acme",
        "X-Tenant-ID: acme\r\nx-tenant-id: bolt",
        "X-Tenant-ID: acme, bolt",
        "X-Tenant-ID: ",
        "X-Tenant-ID: b\u{f6}lt",
        "X-Tenant\u{2010}ID: bolt",
        "X-Tenant-ID: bolt\0",
    ] {
        let (answer, received) = scene.get("acme.example.com", "/x", &[line]);
        assert!((400..500).contains(&answer.status) && received.is_empty(), "{line:?}: {answer:?}");
    }
    // as a trailer
    let (answer, received) = scene.ask(
        "POST /x HTTP/1.1\r\nHost: acme.example.com\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Tenant-ID: bolt\r\n\r\n",
    );
    assert_eq!(answer.status, 200);
    assert!(!received[0].head.contains("bolt") && !String::from_utf8_lossy(&received[0].body).contains("bolt"));
}

#[test]
fn a_trace_is_joined_or_begun() {
    let scene = Scene::new();
    let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (_, received) = scene.get("acme.example.com", "/x", &[&format!("traceparent: {given}")]);
    assert_eq!(received[0].one("traceparent"), given);
    for line in
        ["Accept: x", "traceparent: rubbish", "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01"]
    {
        let (_, received) = scene.get("acme.example.com", "/x", &[line]);
        let made = received[0].one("traceparent");
        assert!(made.len() == given.len() && made.starts_with("00-") && !made.contains("-00000000"), "{made}");
    }
}

#[test]
fn h04_the_clients_connection_header_takes_nothing_of_ours_away() {
    let scene = Scene::new();
    for line in [
        "Connection: close, X-Tenant-ID",
        "Connection: X-Tenantry-Context, X-Tenant-ID, X-Request-ID, X-Forwarded-For, Host",
        "Connection: keep-alive, x-tenant-id\r\nKeep-Alive: timeout=5",
        "Connection: TE, X-Tenant-ID\r\nTE: trailers",
    ] {
        let (answer, received) = scene.get("acme.example.com", "/x", &[line, "X-Own: 1"]);
        assert_eq!(answer.status, 200, "{line}");
        for name in ["x-tenant-id", "x-tenantry-context", "x-request-id", "x-forwarded-for", "host", "x-own"] {
            received[0].one(name);
        }
        assert!(received[0].all("te").is_empty() && received[0].all("keep-alive").is_empty());
    }
    let (_, received) = scene.get("acme.example.com", "/x", &["Connection: close, X-Own", "X-Own: 1"]);
    assert!(received[0].all("x-own").is_empty(), "what belongs to the connection ends with it");
}

#[test]
fn h05_there_is_no_default_tenant() {
    let scene = Scene::new();
    for (host, status) in [
        ("example.com", 400),
        ("www.example.com", 400),
        ("api.example.com", 400),
        ("127.0.0.1", 400),
        ("[::1]:80", 400),
        ("localhost", 400),
        ("nobody.example.com", 404),
        ("a.acme.example.com", 404),
        ("acme.example.com.evil.com", 404),
        ("evil-example.com", 404),
        ("acmeexample.com", 404),
        ("10.0.0.1.evil.com", 404),
        ("", 400),
    ] {
        let (answer, received) = scene.get(host, "/x", &[]);
        assert_eq!((answer.status, received.len()), (status, 0), "{host}: {answer:?}");
    }
    let (answer, received) = scene.ask("GET /x HTTP/1.1\r\n\r\n");
    assert_eq!((answer.status, received.len()), (400, 0));
    let (answer, received) = scene.ask("GET /x HTTP/1.0\r\n\r\n");
    assert_eq!((answer.status, received.len()), (400, 0));
}

#[test]
fn h16_a_tenant_is_named_once() {
    let scene = Scene::new();
    for query in [
        "tenantId=acme&tenantId=acme",
        "tenantId=acme&tenantId=bolt",
        "tenantId[]=acme",
        "tenantId=acme&tenant%49d=bolt",
    ] {
        let (answer, received) = scene.get("acme.example.com", &format!("/query/x?{query}"), &[]);
        assert_eq!((answer.status, received.len()), (400, 0), "{query}");
    }
    let post = |kind: &str, body: &str| {
        scene.ask(&format!(
            "POST /body/x HTTP/1.1\r\nHost: gateway.internal\r\n{}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            bearer("acme"),
            body.len()
        ))
    };
    for (kind, body, status) in [
        ("application/json", r#"{"tenantId": "acme"}"#, 200),
        ("application/json; charset=utf-8", r#"{"tenantId": "1", "a": {"tenantId": "bolt"}}"#, 200),
        ("application/x-www-form-urlencoded", "a=b&tenantId=acme", 200),
        ("application/json", r#"{"tenantId": "acme", "tenantId": "bolt"}"#, 400),
        ("application/json", r#"{"tenantId": ["acme"]}"#, 400),
        ("application/x-www-form-urlencoded", "tenantId=acme&tenantId=bolt", 400),
        ("text/plain", r#"{"tenantId": "bolt"}"#, 400),
        ("", r#"{"tenantId": "bolt"}"#, 400),
        ("application/json", r#"{"tenantId": "bolt"}"#, 403),
        ("application/json", "{", 400),
    ] {
        let (answer, received) = post(kind, body);
        assert_eq!((answer.status, received.len()), (status, usize::from(status == 200)), "{kind} {body}: {answer:?}");
    }
}

#[test]
fn h17_no_method_goes_around() {
    let scene = Scene::new();
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "get"] {
        let (answer, received) =
            scene.ask(&format!("{method} /api/x HTTP/1.1\r\nHost: acme.example.com\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!((answer.status, received.len()), (401, 0), "{method}");
    }
    for method in ["TRACE", "TRACK", "CONNECT"] {
        let (answer, received) = scene.ask(&format!("{method} /x HTTP/1.1\r\nHost: acme.example.com\r\n\r\n"));
        assert_eq!((answer.status, received.len()), (405, 0), "{method}");
    }
}

#[test]
fn h40_insides_stay_inside() {
    let scene = Scene::new();
    let (answer, _) = scene.get("acme.example.com", "/insides", &[]);
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    for name in ["server", "x-tenant-id", "x-shard", "x-powered-by"] {
        assert_eq!(answer.header(name), None, "{}", answer.head);
    }
    for name in ["x-content-type-options", "x-frame-options", "referrer-policy"] {
        assert!(answer.header(name).is_some(), "{}", answer.head);
    }
}
