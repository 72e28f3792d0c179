//! The directory as a text: what it says, what is refused and with which words, and that no secret is repeated.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

use std::error::Error as _;
use std::time::Duration;

use tenantry_edge::admission::Claim;
use tenantry_edge::directory::file::{DirectoryFile, FileError, json_schema};
use tenantry_edge::directory::{Directory, Limits, TenantState};
use tenantry_model::{KeyKind, TenantKey};

const VERIFIER: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

fn json() -> String {
    r#"{"format": 1, "keyKind": "integer",
  "plans": {
    "free": {"connections": 20, "concurrentStatements": 2, "queueLength": 0, "statementTimeMs": 5000},
    "pro": {"connections": 200, "idleInTransactionMs": 60000, "weight": 10}
  },
  "tenants": [
    {"key": "7", "slug": "acme", "plan": "free", "state": "active", "weight": 3,
     "limits": {"connections": 40, "statementTimeMs": "none", "queueWaitMs": 250},
     "credentials": [{"id": "k1", "verifier": "VERIFIER", "expiresAt": "2027-01-31T12:00:00Z"},
                     {"id": "k2", "verifier": "VERIFIER"}]},
    {"key": 8, "plan": "pro", "state": "suspended"},
    {"key": -9, "slug": "nine"}
  ]}"#
    .replace("VERIFIER", VERIFIER)
}

const TOML: &str = r#"
format = 1
keyKind = "integer"

[plans.free]
connections = 20
concurrentStatements = 2
queueLength = 0
statementTimeMs = 5000

[plans.pro]
connections = 200
idleInTransactionMs = 60000
weight = 10

[[tenants]]
key = "7"
slug = "acme"
plan = "free"
weight = 3
limits = { connections = 40, statementTimeMs = "none", queueWaitMs = 250 }

[[tenants.credentials]]
id = "k1"
verifier = "VERIFIER"
expiresAt = "2027-01-31T12:00:00Z"

[[tenants.credentials]]
id = "k2"
verifier = "VERIFIER"

[[tenants]]
key = 8
plan = "pro"
state = "suspended"

[[tenants]]
key = -9
slug = "nine"
"#;

#[test]
fn json_and_toml_say_the_same() {
    let (json, toml) =
        (DirectoryFile::parse(&json()).unwrap(), DirectoryFile::parse(&TOML.replace("VERIFIER", VERIFIER)).unwrap());
    assert_eq!(json, toml);
    for text in [
        json.to_json().unwrap(),
        json.to_toml().unwrap(),
        format!("\u{feff}\n {}", json.to_json().unwrap()).replace("\u{feff}\n", "\u{feff}"),
    ] {
        assert_eq!(DirectoryFile::parse(&text).unwrap(), json, "{text}");
    }
}

#[test]
fn limits_are_the_plans_with_ones_own_on_top() {
    let directory = Directory::new(DirectoryFile::parse(&json()).unwrap().snapshot(1).unwrap()).unwrap();
    let acme = directory.find("acme").unwrap();
    assert_eq!(acme.key, TenantKey::Integer(7));
    let wanted = Limits {
        connections: Some(40),
        concurrent_statements: Some(2),
        queue_length: Some(0),
        queue_wait: Some(Duration::from_millis(250)),
        statement_time: None,
        transaction_time: None,
        idle_in_transaction: None,
        requests_per_second: None,
        request_burst: None,
        concurrent_requests: None,
        weight: 3,
    };
    assert_eq!((acme.limits, &*acme.plan), (wanted, "free"));
    assert_eq!(acme.credentials[0].expires_at, Some(1_801_396_800));
    assert_eq!((&*acme.credentials[1].verifier, acme.credentials[1].expires_at), (VERIFIER, None));
    let eight = directory.find("8").unwrap();
    assert_eq!((eight.state, eight.limits.weight, eight.limits.connections), (TenantState::Suspended, 10, Some(200)));
    let nine = directory.find("-9").unwrap();
    assert_eq!((nine.limits, nine.slug.as_deref(), &*nine.plan), (Limits::NONE, Some("nine"), ""));
    assert!(directory.admit(&Claim::SlugOrKey("nine")).is_ok());
}

#[test]
fn the_least_file() {
    let file = DirectoryFile::parse("format = 1").unwrap();
    assert_eq!((file.key_kind, file.tenants.len()), (KeyKind::Uuid, 0));
    assert!(file.snapshot(1).unwrap().is_empty());
}

/// The whole chain of messages.
fn refusal(text: &str) -> String {
    let error = match DirectoryFile::parse(text) {
        Ok(file) => file.snapshot(1).map(drop).unwrap_err(),
        Err(error) => error,
    };
    let source = error.source().map(|s| format!(": {s}")).unwrap_or_default();
    format!("{error}{source}")
}

#[test]
fn every_refusal_names_the_entry_and_what_to_do() {
    let good = json();
    for (from, to, parts) in [
        ("\"format\": 1", "\"format\": 2", &["format 2", "format 1"][..]),
        ("\"format\": 1", "\"formt\": 1", &["line 1", "unknown field `formt`"]),
        ("\"keyKind\": \"integer\"", "\"keyKind\": \"citext\"", &["keyKind", "unknown variant `citext`", "bigint"]),
        ("\"connections\": 20,", "\"conections\": 20,", &["line 3", "plans.free", "`conections`", "`connections`"]),
        ("\"connections\": 20,", "\"connections\": 0,", &["plans.free", "`connections` is 0", "suspended"]),
        ("\"connections\": 20,", "\"connections\": -1,", &["plans.free.connections", "-1", "\"none\""]),
        ("\"connections\": 20,", "\"connections\": \"lots\",", &["plans.free.connections", "lots", "\"none\""]),
        ("\"pro\": {", "\"free\": {", &["`free`", "twice"]),
        ("\"weight\": 10", "\"weight\": 0", &["plans.pro", "`weight` is 0", "1000"]),
        ("\"weight\": 3", "\"weight\": 1001", &["tenants[0] (tenant `acme`)", "`weight` is 1001"]),
        ("\"plan\": \"pro\"", "\"plan\": \"gold\"", &["tenants[1] (tenant `8`)", "no plan `gold`", "free, pro"]),
        (
            "\"state\": \"suspended\"",
            "\"state\": \"paused\"",
            &["tenants[1].state (tenant `8`)", "`paused`", "`suspended`"],
        ),
        ("\"key\": 8", "\"key\": 7", &["tenants[1] (tenant `7`)", "listed twice"]),
        ("\"key\": 8", "\"key\": \"8x\"", &["tenants[1] (tenant `8x`)", "not a tenant key"]),
        ("\"key\": 8", "\"key\": 1.5", &["tenants[1].key", "1.5"]),
        ("\"slug\": \"nine\"", "\"slug\": \"acme\"", &["tenants[2] (tenant `acme`)", "share the slug", "rename"]),
        ("\"slug\": \"nine\"", "\"slug\": \"Nine\"", &["tenants[2] (tenant `Nine`)", "lower-case"]),
        ("\"slug\": \"nine\"", "\"slug\": \"12\"", &["tenants[2] (tenant `12`)", "reads as the key", "rename"]),
        (
            "\"queueWaitMs\": 250",
            "\"queueWaitMs\": 0",
            &["tenants[0] (tenant `acme`)", "`queueWaitMs` is 0", "\"none\""],
        ),
        ("\"queueWaitMs\": 250", "\"queueWaitMs\": 4000000000", &["`queueWaitMs` is 4000000000"]),
        ("\"queueWaitMs\": 250", "\"queueWait\": 250", &["tenants[0].limits", "(tenant `acme`)", "`queueWait`"]),
        ("\"id\": \"k2\"", "\"id\": \"k1\"", &["tenants[0] (tenant `acme`)", "two credentials", "`k1`"]),
        ("\"id\": \"k2\"", "\"id\": \"\"", &["tenants[0] (tenant `acme`)", "credential's id"]),
        ("2027-01-31T12:00:00Z", "next year", &["tenants[0] (tenant `acme`)", "`expiresAt` of credential `k1`"]),
        ("\"nine\"}\n  ]}", "\"nine\"}", &["line", "EOF"]),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let message = refusal(&text);
        assert!(parts.iter().all(|part| message.contains(part)), "{from} -> {to}: {message}");
    }
    let message = refusal(&TOML.replace("VERIFIER", VERIFIER).replace("connections = 40", "conections = 40"));
    assert!(
        ["line 21", "tenants[0].limits", "(tenant `acme`)", "`conections`"].iter().all(|p| message.contains(p)),
        "{message}"
    );
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let secret = "hunter2-and-more";
    for (from, to) in [
        (format!("\"{VERIFIER}\", \"expiresAt\""), format!("\"{secret}\", \"expiresAt\"")),
        (format!("\"verifier\": \"{VERIFIER}\"}}"), format!("\"verifier\": {{\"{secret}\": 1}}}}")),
        (format!("{{\"id\": \"k2\", \"verifier\": \"{VERIFIER}\"}}"), format!("\"{secret}\"")),
        ("\"2027-01-31T12:00:00Z\"".to_owned(), format!("\"{secret}\"")),
    ] {
        let text = json().replacen(&from, &to, 1);
        assert!(text.contains(secret), "{from}");
        let message = refusal(&text);
        assert!(!message.contains(secret) && message.contains("tenants[0]"), "{message}");
    }
    let file = DirectoryFile::parse(&json()).unwrap();
    assert!(!format!("{file:?}{:?}", file.snapshot(1).unwrap().find("acme")).contains("W22Z"));
}

#[test]
fn failures_are_the_callers() {
    let error = DirectoryFile::parse("nonsense").unwrap_err();
    assert!(matches!(error, FileError::Text { .. }));
    assert_eq!(error.class(), tenantry_model::Class::Caller);
}

#[test]
fn the_schema_in_the_docs_is_the_schema_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/directory.schema.json");
    let now = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    if std::env::var_os("TENANTRY_GOLDEN").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == now,
        "docs/reference/directory.schema.json is stale: run this test with TENANTRY_GOLDEN=1 and commit the file"
    );
}

#[test]
fn the_reference_names_every_key() {
    let page = include_str!("../../../docs/reference/directory.md");
    let schema = json_schema();
    let mut keys: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    for definition in schema["$defs"].as_object().unwrap().values() {
        keys.extend(definition["properties"].as_object().into_iter().flatten().map(|(k, _)| k.clone()));
    }
    for key in keys {
        assert!(page.contains(&format!("`{key}`")), "docs/reference/directory.md says nothing of `{key}`");
    }
}

#[test]
fn the_example_of_the_reference_can_be_read() {
    let page = include_str!("../../../docs/reference/directory.md");
    let examples: Vec<&str> = page.split("```json\n").skip(1).chain(page.split("```toml\n").skip(1)).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let text = example.split("```").next().unwrap();
        assert!(!DirectoryFile::parse(text).unwrap().snapshot(1).unwrap().is_empty());
    }
}
