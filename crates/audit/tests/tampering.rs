//! The tables' owner changes what was recorded, in every way; the verification names the place. Each time the same log
//! is found whole before.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::path::PathBuf;

use tenantry_audit::retention::let_go;
use tenantry_audit::seal::{Sealer, read_checkpoints};
use tenantry_audit::verify::{Verdict, verify};
use tenantry_audit::{AuditError, Chain, Event, Fault, Severity, SigningKey, record, store};
use tenantry_pg::Client;
use tenantry_testkit::{Database, available, postgres};

struct Log {
    db: Database,
    client: Client,
    sealer: Sealer,
    folder: tempfile::TempDir,
}

fn key() -> SigningKey {
    SigningKey::new("example.org", &"0a".repeat(32)).unwrap()
}

impl Log {
    async fn new(hint: &str) -> Self {
        let db = postgres(available()[0]).database(hint).await;
        db.execute(store::TABLES).await;
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::open(key(), Some(&folder.path().join("checkpoints"))).unwrap();
        Self { client: db.connect_plain().await, db, sealer, folder }
    }

    /// Ten entries of `a`, five of `b`, two of the platform, sealed in two parts.
    async fn filled(hint: &str) -> Self {
        let mut log = Self::new(hint).await;
        for part in [0..5, 5..10] {
            for number in part {
                log.record(Some("a"), number).await;
                if number % 2 == 0 {
                    log.record(Some("b"), number).await;
                }
                if number % 5 == 0 {
                    log.record(None, number).await;
                }
            }
            log.seal().await;
        }
        assert_eq!(log.verdict().await, Verdict { chains: 3, entries: 17, findings: Vec::new() });
        log
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("checkpoints")
    }

    async fn record(&self, tenant: Option<&str>, number: i32) {
        let mut event = Event::new("TENANT_UPDATED", Severity::Low, "somebody", tenant);
        event.metadata = serde_json::json!({"number": number});
        record(&*self.client, &event).await.unwrap();
    }

    async fn seal(&mut self) -> usize {
        self.sealer.seal(&mut self.client).await.unwrap()
    }

    async fn verdict(&self) -> Verdict {
        let outside = read_checkpoints(&self.file(), key().verifying()).unwrap();
        verify(&self.client, key().verifying(), &outside).await.unwrap()
    }

    /// The faults, with chain and number.
    async fn faults(&self) -> Vec<(String, u64, Fault)> {
        self.verdict().await.findings.into_iter().map(|f| (f.chain, f.sequence, f.fault)).collect()
    }
}

fn a(sequence: u64, fault: Fault) -> (String, u64, Fault) {
    ("tenant/a".into(), sequence, fault)
}

#[tokio::test]
async fn an_edited_entry_is_found() {
    let log = Log::filled("edited").await;
    log.db.execute("UPDATE tenantry_audit.entry SET body = replace(body, 'somebody', 'nobody') WHERE chain = 'tenant/a' AND sequence = 4").await;
    assert_eq!(log.faults().await, [a(4, Fault::Changed)]);
}

#[tokio::test]
async fn a_changed_column_is_found() {
    let log = Log::filled("column").await;
    log.db.execute("UPDATE tenantry_audit.entry SET tenant = 'b' WHERE chain = 'tenant/a' AND sequence = 4").await;
    log.db.execute("UPDATE tenantry_audit.entry SET occurred_at = occurred_at - interval '1 day' WHERE chain = 'tenant/a' AND sequence = 6").await;
    assert_eq!(log.faults().await, [a(4, Fault::Columns), a(6, Fault::Columns)]);
}

#[tokio::test]
async fn a_deleted_entry_is_found() {
    let log = Log::filled("deleted").await;
    log.db.execute("DELETE FROM tenantry_audit.entry WHERE chain = 'tenant/a' AND sequence = 4").await;
    assert_eq!(log.faults().await, [a(5, Fault::Missing), a(5, Fault::Changed)]);
}

#[tokio::test]
async fn the_end_that_is_missing_is_found() {
    let log = Log::filled("end").await;
    log.db.execute("DELETE FROM tenantry_audit.entry WHERE chain = 'tenant/a' AND sequence > 5").await;
    assert_eq!(log.faults().await, [a(10, Fault::Truncated)]);
    // the checkpoint too: the file knows
    log.db.execute("DELETE FROM tenantry_audit.checkpoint WHERE chain = 'tenant/a' AND sequence > 5").await;
    assert_eq!(log.faults().await, [a(10, Fault::Truncated)]);
    log.db.execute("TRUNCATE tenantry_audit.entry, tenantry_audit.checkpoint").await;
    let all = log.faults().await;
    assert_eq!(all.len(), 3, "an empty table is no pass: {all:?}");
    assert!(all.iter().all(|(_, _, fault)| *fault == Fault::Truncated));
}

#[tokio::test]
async fn an_entry_that_is_put_in_is_found() {
    let log = Log::filled("put").await;
    // with the right hash, as whoever knows the rule can make it
    let row = log
        .client
        .query_one("SELECT hash, body FROM tenantry_audit.entry WHERE chain = 'tenant/a' AND sequence = 10", &[])
        .await
        .unwrap();
    let (before, body): (Vec<u8>, String) = (row.get(0), row.get(1));
    let hash = Chain::of(Some("a")).link(11, &tenantry_audit::Hash::of_bytes(&before).unwrap(), &body);
    let insert = "INSERT INTO tenantry_audit.entry (chain, tenant, occurred_at, action, severity, body, sequence, hash) \
                  SELECT chain, tenant, occurred_at, action, severity, body, 11, $1 FROM tenantry_audit.entry WHERE chain = 'tenant/a' AND sequence = 10";
    log.client.execute(insert, &[&hash.0.to_vec()]).await.unwrap();
    assert_eq!(log.faults().await, [a(11, Fault::Unsigned)]);
}

#[tokio::test]
async fn swapped_and_spliced_entries_are_found() {
    let log = Log::filled("swapped").await;
    log.db.execute("UPDATE tenantry_audit.entry SET sequence = -sequence WHERE chain = 'tenant/a' AND sequence IN (3, 4);
                    UPDATE tenantry_audit.entry SET sequence = 7 + sequence WHERE chain = 'tenant/a' AND sequence IN (-3, -4)").await;
    let faults = log.faults().await;
    assert_eq!(faults[0], a(3, Fault::Changed), "{faults:?}");
    let log = Log::filled("spliced").await;
    log.db
        .execute(
            "DELETE FROM tenantry_audit.entry WHERE chain = 'tenant/a' AND sequence = 3;
                    UPDATE tenantry_audit.entry SET chain = 'tenant/a' WHERE chain = 'tenant/b' AND sequence = 3",
        )
        .await;
    let faults = log.faults().await;
    assert!(faults.contains(&a(3, Fault::Changed)) && faults.contains(&a(3, Fault::Columns)), "{faults:?}");
    assert!(faults.contains(&("tenant/b".into(), 4, Fault::Missing)), "{faults:?}");
}

#[tokio::test]
async fn a_history_that_is_made_anew_is_found() {
    let log = Log::filled("anew").await;
    let rows = log
        .client
        .query("SELECT number, body FROM tenantry_audit.entry WHERE chain = 'tenant/a' ORDER BY sequence", &[])
        .await
        .unwrap();
    let mut hash = tenantry_audit::Hash::ZERO;
    for (sequence, row) in (1..).zip(&rows) {
        let body = row.get::<_, String>(1).replace("somebody", "nobody");
        hash = Chain::of(Some("a")).link(sequence, &hash, &body);
        let update = "UPDATE tenantry_audit.entry SET body = $2, hash = $3 WHERE number = $1";
        log.client.execute(update, &[&row.get::<_, i64>(0), &body, &hash.0.to_vec()]).await.unwrap();
    }
    assert_eq!(log.faults().await, [a(5, Fault::Rewritten), a(10, Fault::Rewritten)]);
    // with checkpoints of another key
    let other = SigningKey::new("example.org", &"0b".repeat(32)).unwrap();
    let note = other.sign(&tenantry_audit::Checkpoint {
        chain: Chain::of(Some("a")),
        sequence: 10,
        hash,
        kind: tenantry_audit::checkpoint::Kind::Head,
    });
    log.client
        .execute("UPDATE tenantry_audit.checkpoint SET note = $1 WHERE chain = 'tenant/a' AND sequence = 10", &[&note])
        .await
        .unwrap();
    assert!(log.faults().await.contains(&a(10, Fault::Forged)));
}

#[tokio::test]
async fn an_older_copy_is_found_and_nothing_more_is_signed_on_it() {
    let mut log = Log::filled("older").await;
    log.db.execute("CREATE TABLE kept_entry AS TABLE tenantry_audit.entry; CREATE TABLE kept_note AS TABLE tenantry_audit.checkpoint").await;
    log.record(Some("a"), 10).await;
    assert_eq!(log.seal().await, 1);
    log.db
        .execute(
            "TRUNCATE tenantry_audit.entry, tenantry_audit.checkpoint;
                    INSERT INTO tenantry_audit.entry OVERRIDING SYSTEM VALUE SELECT * FROM kept_entry;
                    INSERT INTO tenantry_audit.checkpoint SELECT * FROM kept_note",
        )
        .await;
    assert_eq!(log.faults().await, [a(11, Fault::Truncated)]);
    let inside_only = verify(&log.client, key().verifying(), &[]).await.unwrap();
    assert!(inside_only.findings.is_empty(), "without the file an older copy passes: {inside_only:?}");
    log.record(Some("a"), 11).await;
    let mut after_restart = Sealer::open(key(), Some(&log.file())).unwrap();
    let error = after_restart.seal(&mut log.client).await.unwrap_err();
    assert!(matches!(error, AuditError::Broken { sequence: 11, .. }), "{error}");
}

#[tokio::test]
async fn old_entries_go_and_the_chain_stays_whole() {
    let mut log = Log::filled("old").await;
    log.db
        .execute("UPDATE tenantry_audit.entry SET recorded_at = recorded_at - interval '100 days' WHERE sequence <= 4")
        .await;
    let hold = [Chain::of(Some("b"))];
    let (gone, kept) = let_go(&mut log.sealer, &mut log.client, 90, &hold).await.unwrap();
    assert_eq!((gone, kept), (6, vec![]), "four of a, two of the platform, none on hold");
    assert_eq!(log.verdict().await, Verdict { chains: 3, entries: 11, findings: Vec::new() });
    log.record(Some("a"), 10).await;
    log.record(None, 10).await;
    assert_eq!(log.seal().await, 2);
    assert_eq!(log.verdict().await.findings, []);
    // a cut that nobody signed
    log.db.execute("DELETE FROM tenantry_audit.entry WHERE chain = 'tenant/a' AND sequence = 5").await;
    assert_eq!(log.faults().await, [a(6, Fault::Missing), a(6, Fault::Changed)]);
    log.db
        .execute(
            "UPDATE tenantry_audit.entry SET recorded_at = recorded_at - interval '100 days' WHERE chain = 'tenant/a'",
        )
        .await;
    let (gone, kept) = let_go(&mut log.sealer, &mut log.client, 90, &hold).await.unwrap();
    assert_eq!((gone, kept), (0, vec![Chain::of(Some("a"))]), "what is broken is evidence");
}

#[tokio::test]
async fn an_entry_is_kept_with_its_transaction_and_a_flood_keeps_nobody_waiting() {
    let mut log = Log::new("flood").await;
    let login = log.db.login("writer", "").await;
    log.db
        .execute(&format!(
            "GRANT USAGE ON SCHEMA tenantry_audit TO \"{0}\"; GRANT INSERT ON tenantry_audit.entry TO \"{0}\"",
            login.user()
        ))
        .await;
    let mut writer = tenantry_pg::connect(&login).await.unwrap();
    let transaction = writer.transaction().await.unwrap();
    record(&transaction, &Event::new("TENANT_CREATED", Severity::High, "x", Some("a"))).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(log.seal().await, 0, "what was rolled back was not done");
    for number in 0..1500 {
        log.record(Some("loud"), number).await;
    }
    record(&*writer, &Event::new("TENANT_CREATED", Severity::High, "x", Some("a"))).await.unwrap();
    assert_eq!(log.seal().await, 1001, "a part of the flood, and the other's entry");
    assert_eq!(log.verdict().await.findings, []);
    for forbidden in [
        "SELECT * FROM tenantry_audit.entry",
        "DELETE FROM tenantry_audit.entry",
        "UPDATE tenantry_audit.entry SET body = ''",
        "TRUNCATE tenantry_audit.entry",
    ] {
        let error = writer.batch_execute(forbidden).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{forbidden}");
    }
}

#[tokio::test]
async fn entries_that_add_up_are_told_once() {
    let mut log = Log::new("alerts").await;
    for number in 0..6 {
        let tenant = if number < 5 { "a" } else { "b" };
        let event = Event::new("USER_LOGIN_FAILED", Severity::Medium, "somebody", Some(tenant));
        record(&*log.client, &event).await.unwrap();
    }
    log.seal().await;
    let alerts = log.sealer.take_alerts();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((&*alerts[0].threshold, &alerts[0].chain), ("failed-logins", &Chain::of(Some("a"))));
    log.seal().await;
    assert_eq!(log.sealer.take_alerts(), []);
}

#[tokio::test]
async fn what_is_sealed_is_copied_to_a_file() {
    let mut log = Log::new("copied").await;
    let copy = log.folder.path().join("copy");
    log.sealer = log.sealer.copying_to(&copy).unwrap();
    log.record(Some("a"), 1).await;
    log.record(None, 2).await;
    assert_eq!(log.seal().await, 2);
    log.record(Some("a"), 3).await;
    assert_eq!(log.seal().await, 1);
    let text = std::fs::read_to_string(&copy).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let places: Vec<(&str, u64)> =
        lines.iter().map(|l| (l["chain"].as_str().unwrap(), l["sequence"].as_u64().unwrap())).collect();
    assert_eq!(places, [("platform", 1), ("tenant/a", 1), ("tenant/a", 2)]);
    assert_eq!(lines[2]["entry"]["metadata"]["number"], 3);
}

#[tokio::test]
async fn many_writers_and_two_sealers_make_one_chain() {
    let log = Log::new("writers").await;
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let client = log.db.connect_plain().await;
        tasks.push(tokio::spawn(async move {
            for _ in 0..50 {
                record(&*client, &Event::new("X", Severity::Low, "w", Some("a"))).await.unwrap();
            }
        }));
    }
    let mut sealers = Vec::new();
    for _ in 0..2 {
        let (mut client, mut sealer) = (log.db.connect_plain().await, Sealer::open(key(), None).unwrap());
        sealers.push(tokio::spawn(async move {
            for _ in 0..20 {
                sealer.seal(&mut client).await.unwrap();
            }
        }));
    }
    for task in tasks.into_iter().chain(sealers) {
        task.await.unwrap();
    }
    let mut log = log;
    log.seal().await;
    assert_eq!(log.verdict().await, Verdict { chains: 1, entries: 400, findings: Vec::new() });
}
