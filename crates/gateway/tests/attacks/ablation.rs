//! Each protection of the gateway, and the attack that must succeed while it is gone and fail while it is there.
//!
//! The list of protections is a golden file beside this one, so that none disappears unnoticed.

use tenantry_gateway::ablation::Protection;
use tenantry_gateway::settings::{Rate, Rates};

use crate::scene::{Scene, bearer, get, sign};
use crate::webhooks::{event, time};

/// The attack meant for a protection, and whether it succeeded.
fn attack(scene: &Scene, protection: Protection) -> (&'static str, bool) {
    let reaches = |host: &str, path: &str, lines: &[&str], tenant: &str| {
        let (answer, received) = scene.get(host, path, lines);
        answer.status == 200 && received.iter().any(|r| r.all("x-tenant-id").iter().any(|t| t == tenant))
    };
    let head = serde_json::json!({ "alg": "EdDSA", "kid": "k" });
    let claims = |iss: &str, aud: &str, tenant: &str| serde_json::json!({ "iss": iss, "aud": aud, "exp": 4_000_000_000_u64, "tenant": tenant });
    let with_token = |token: String, tenant: &str| {
        reaches("gateway.internal", "/api/x", &[&format!("Authorization: Bearer {token}")], tenant)
    };
    match protection {
        Protection::Proof => ("H-01", reaches("gateway.internal", "/x", &["X-Tenant-ID: bolt"], "2")),
        Protection::Agreement => {
            ("H-02", reaches("gateway.internal", "/api/x", &[&bearer("acme"), "X-Tenant-ID: bolt"], "2"))
        }
        Protection::Reserved => (
            "H-03",
            reaches("acme.example.com", "/x", &["X_Tenant_ID: bolt"], "1") && {
                let (_, received) = scene.get("acme.example.com", "/x", &["X_Tenant_ID: bolt"]);
                received[0].head.contains("bolt")
            },
        ),
        Protection::HopByHop => ("H-04", {
            let (_, received) = scene.get("acme.example.com", "/x", &["Connection: close, X-Tenant-ID"]);
            received[0].all("x-tenant-id").is_empty()
        }),
        Protection::HostForm => ("H-06", {
            let (_, received) = scene.get("acme.example.com@bolt.example.com", "/x", &[]);
            received.first().is_some_and(|r| r.one("host").ends_with("@bolt.example.com"))
        }),
        Protection::Misdirected => ("H-07", crate::tls::another_host(scene)),
        Protection::Framing => ("H-13", {
            let smuggled = "GET /smuggled HTTP/1.1\r\nHost: bolt.example.com\r\nX-Tenant-ID: 2\r\n\r\n";
            let body = format!("0\r\n\r\n{smuggled}");
            let lengths = format!("Content-Length: {}\r\nTransfer-Encoding: chunked", body.len());
            let (_, received) =
                scene.ask(&format!("POST /x HTTP/1.1\r\nHost: acme.example.com\r\n{lengths}\r\n\r\n{body}"));
            // the application read a second request, which nobody has checked
            received.iter().any(|r| r.target() == "/smuggled") || scene.saw("/smuggled")
        }),
        Protection::LineEnds => ("H-13", {
            let (answer, _) = scene.ask("GET /x HTTP/1.1\r\nHost: acme.example.com\nX-Other: y\r\n\r\n");
            answer.status == 200
        }),
        Protection::Drained => ("H-14", {
            scene.get("acme.example.com", "/junk", &[]);
            scene.get("bolt.example.com", "/x", &[]).0.body.contains("stolen")
        }),
        Protection::Path => ("H-15", {
            let (answer, received) = scene.get("acme.example.com", "/public/../api/x", &[]);
            answer.status == 200 && received[0].target().contains("/api/x")
        }),
        Protection::Duplicates => {
            ("H-16", reaches("acme.example.com", "/query/x?tenantId=acme&tenantId=bolt", &[], "1"))
        }
        Protection::TokenAlgorithm => ("H-18", {
            // an algorithm the issuer does not use, with a key that fits it
            let token = sign(3, &head, &claims("https://only-es256", "app", "acme"));
            with_token(token, "1")
        }),
        Protection::TokenIssuer => ("H-19", with_token(sign(2, &head, &claims("https://bolt", "app", "acme")), "1")),
        Protection::TokenAudience => {
            ("H-20", with_token(sign(1, &head, &claims(crate::scene::ISSUER, "another", "acme")), "1"))
        }
        Protection::TrustedProxies => ("H-37", {
            let statuses = (0..10)
                .map(|n| scene.get("acme.example.com", "/x", &[&format!("X-Forwarded-For: 10.0.0.{n}")]).0.status);
            statuses.filter(|s| *s == 429).count() == 0
        }),
        Protection::Budgets => ("H-38", {
            (0..10).for_each(|_| drop(scene.get("slow.example.com", "/x", &[])));
            scene.get("slow.example.com", "/api/x", &[&bearer("slow")]).0.status == 429
        }),
        Protection::WebhookSecret => {
            ("H-35", scene.ask(&event("acme.example.com", "/hooks", "bolt", "m1", &time(0), "")).0.status == 200)
        }
        Protection::WebhookOnce => ("H-35", {
            let request = event("acme.example.com", "/hooks", "acme", "m1", &time(0), "");
            scene.ask(&request);
            scene.ask(&request).1.len() == 1
        }),
        Protection::Insides => {
            ("H-40", scene.get("acme.example.com", "/insides", &[]).0.header("x-tenant-id").is_some())
        }
        Protection::KeptTenant => ("K-02", crate::kept::of_another_tenant(scene)),
        Protection::KeptCredential => ("K-04", crate::kept::of_another_credential(scene)),
        Protection::KeptHeaders => ("K-04", crate::kept::poisoned_by_a_header(scene)),
        Protection::KeptVary => ("K-04", crate::kept::of_another_variant(scene)),
        Protection::KeptCookies => ("K-04", crate::kept::somebodys_cookie(scene)),
        Protection::KeptControl => ("K-04", crate::kept::deceived_by_a_suffix(scene)),
        Protection::KeptBody => ("K-04", crate::kept::poisoned_by_a_body(scene)),
        Protection::BudgetNames => unreachable!("it has a scene of its own"),
        Protection::Cut => ("H-33", {
            let mut client = scene.client();
            client.send(get("acme.example.com", "/events", &[]));
            client.until(b"data: 1\n");
            scene.suspend(&["acme"]);
            // far more events than come until somebody looks
            client.until(b"data: 60\n").is_some()
        }),
        // somebody has registered as `www`
        Protection::Labels => ("H-09", reaches("www.example.com", "/x", &[], "4")),
        Protection::Methods => {
            ("H-17", scene.ask("TRACE /x HTTP/1.1\r\nHost: acme.example.com\r\nCookie: secret\r\n\r\n").1.len() == 1)
        }
        Protection::TokenHeader => {
            let own = serde_json::json!({ "alg": "EdDSA", "kid": "k", "crit": ["exp"], "jku": "https://evil" });
            ("H-18", with_token(sign(1, &own, &claims(crate::scene::ISSUER, "app", "acme")), "1"))
        }
        Protection::KeySecret => {
            ("H-25", reaches("acme.example.com", "/api/x", &["X-Api-Key: tnt_live_aaaa_aaaaaaaaaaaaaaaaaaaaaaaa"], "1"))
        }
        Protection::Withdrawn => ("H-23", {
            let line = format!("X-Api-Key: {}", crate::scene::ACME_KEY);
            let before = reaches("acme.example.com", "/api/x", &[&line], "1");
            scene.withdraw();
            before && reaches("acme.example.com", "/api/x", &[&line], "1")
        }),
        Protection::Origin => ("H-34", {
            let origin = ["Origin: https://evil.com"];
            let mut client = scene.client();
            client.send(get("acme.example.com", "/socket", &[&crate::streams::SOCKET[..], &origin].concat()));
            client.answer().status == 101
        }),
    }
}

#[test]
fn each_attack_succeeds_without_its_protection_and_only_then() {
    let mut list = String::new();
    for protection in Protection::ALL {
        let start = |removed| {
            Scene::without(removed, |settings| {
                settings.rates = Rates { address: Some(Rate { per_second: 1, burst: 200 }), ..Rates::default() };
                settings.issuers.push(crate::scene::issuer_of_other_algorithm());
            })
        };
        let few = |removed| {
            Scene::without(removed, |settings| {
                settings.rates = Rates { address: Some(Rate { per_second: 1, burst: 5 }), ..Rates::default() };
            })
        };
        let scene = |removed| match protection {
            Protection::TrustedProxies => few(removed),
            Protection::Misdirected => crate::tls::scene(removed),
            _ => start(removed),
        };
        let run = |removed| match protection {
            Protection::BudgetNames => ("H-38", crate::cluster::spends_anothers(removed)),
            _ => attack(&scene(removed), protection),
        };
        let (id, succeeded) = run(None);
        assert!(!succeeded, "{id} succeeds against {protection:?}");
        let (_, succeeded) = run(Some(protection));
        assert!(succeeded, "nobody misses {protection:?}: {id} fails without it");
        list.push_str(&format!("{protection:?}: {id}\n"));
    }
    assert_eq!(list, include_str!("ablation.golden"), "the protections and their attacks");
}
