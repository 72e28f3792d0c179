//! `audit`: whole, changed, an older copy, and what cannot be looked at. And the triggers of the cache, run by psql's
//! likes as they are printed.

use tenantry_audit::seal::Sealer;
use tenantry_audit::{Event, Severity, SigningKey, record};

use crate::support::{SMALL, case, text};

#[tokio::test]
async fn a_log_is_whole_until_somebody_changes_it() {
    let case = case("audit", SMALL).await;
    let missing = text(&case.run(2, &["audit", "verify", "--key", "nonsense"]).stderr);
    assert!(missing.contains("origin+id+key") && missing.contains("docs/errors/audit-log.md"), "{missing}");
    case.db.execute(&text(&case.run(0, &["audit", "tables"]).stdout)).await;
    let file = case.folder.path().join("checkpoints");
    let mut sealer = Sealer::open(SigningKey::new("example.org", &"0a".repeat(32)).unwrap(), Some(&file)).unwrap();
    let key = sealer.verifying().text_form();
    let verify = ["audit", "verify", "--key", &key, "--checkpoints", "checkpoints"];
    let empty = text(&case.run(2, &verify).stderr);
    assert!(empty.contains("holds no checkpoint of this key"), "{empty}");
    let mut client = case.db.connect_plain().await;
    for number in 0..3 {
        record(&*client, &Event::new("TENANT_CREATED", Severity::Low, &number.to_string(), Some("a"))).await.unwrap();
    }
    sealer.seal(&mut client).await.unwrap();
    let said = text(&case.run(0, &verify).stdout);
    assert!(said.contains("3 entries in 1 chains, 0 faults"), "{said}");
    case.db.execute("DELETE FROM tenantry_audit.entry WHERE sequence = 3").await;
    let found = case.json(1, &verify);
    assert_eq!(found["findings"][0]["fault"], "truncated", "{found}");
    assert_eq!((&found["findings"][0]["chain"], &found["findings"][0]["sequence"]), (&"tenant/a".into(), &3.into()));
}

#[tokio::test]
async fn the_command_seals_exports_and_lets_go() {
    let case = case("seal", SMALL).await;
    case.db.execute(&text(&case.run(0, &["audit", "tables"]).stdout)).await;
    case.write("key", &"0b".repeat(32));
    let client = case.db.connect_plain().await;
    for (tenant, actor) in [(Some("a"), "=1+1"), (Some("b"), "CANARY"), (None, "operator")] {
        record(&*client, &Event::new("TENANT_UPDATED", Severity::Medium, actor, tenant)).await.unwrap();
    }
    let seal = ["audit", "seal", "--origin", "example.org", "--key-file", "key", "--checkpoints", "kept"];
    let said = text(&case.run(0, &seal).stderr);
    assert!(said.contains("3 entries sealed"), "{said}");
    let key = said.split("the public key is ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    case.run(0, &["audit", "verify", "--key", &key, "--checkpoints", "kept"]);
    let of_a = text(&case.run(0, &["audit", "export", "--tenant", "a", "--as", "csv"]).stdout);
    assert!(of_a.lines().count() == 2 && of_a.contains("\"'=1+1\"") && !of_a.contains("CANARY"), "{of_a}");
    let all = text(&case.run(0, &["audit", "export", "--as", "ocsf"]).stdout);
    assert!(all.lines().count() == 3 && all.contains("\"class_uid\":6003"), "{all}");
    let platform = text(&case.run(0, &["audit", "export", "--platform"]).stdout);
    assert!(platform.lines().count() == 1 && platform.contains("operator"), "{platform}");
    case.db.execute("UPDATE tenantry_audit.entry SET recorded_at = recorded_at - interval '10 days'").await;
    let said = text(&case.run(0, &[&seal[..], &["--retention-days", "5", "--hold", "a"]].concat()).stderr);
    assert!(said.contains("2 old entries let go"), "{said}");
    case.run(0, &["audit", "verify", "--key", &key, "--checkpoints", "kept"]);
    case.write("key", "short");
    let said = text(&case.run(2, &seal).stderr);
    assert!(said.contains("holds no signing key") && said.contains("64 hexadecimal digits"), "{said}");
}

#[tokio::test]
async fn triggers_for_the_cache_are_printed_and_taken_back() {
    let case = case("cachesql", SMALL).await;
    let said = text(&case.run(2, &["registry", "cache-sql"]).stderr);
    assert!(said.contains("no section [cache.invalidations]"), "{said}");
    case.write(
        "tenantry.toml",
        "format = 1\n[cache.invalidations.\"public.projects\"]\ntenant = \"workspace_id\"\ndrop = [\"project:{id}\", \"projects:*\"]\n",
    );
    case.db.execute(&text(&case.run(0, &["registry", "cache-sql"]).stdout)).await;
    case.db
        .execute("UPDATE public.projects SET name = 'x' WHERE id = (SELECT min(id::text)::uuid FROM public.projects)")
        .await;
    let client = case.db.connect_plain().await;
    let row = client.query_one("SELECT count(*), count(id) FROM tenantry_cache.change", &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (2, 1), "the entry, and the kind");
    case.db.execute(&text(&case.run(0, &["registry", "cache-sql", "--down"]).stdout)).await;
    case.db.execute("UPDATE public.projects SET name = 'y'").await;
}
