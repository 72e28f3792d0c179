//! Each protection of the proxy, and the attack that must succeed while it is gone and fail while it is there.
//!
//! The list of protections is a golden file beside this one, so that none disappears unnoticed.

use tenantry_proxy::ablation::Protection;

use crate::cancel::{cancel, until_it_sleeps};
use crate::scene::{BODIES, Scene, TENANTS, canary};
use crate::wire::Batch;

/// The attack meant for a protection, and whether it succeeded.
async fn attack(scene: &Scene, protection: Protection) -> (&'static str, bool) {
    let leftover = "SELECT set_config('default_transaction_read_only', 'on', false)";
    match protection {
        Protection::Context => ("S-01", {
            let (mut a, mut b) = (scene.tenant("acme").await, scene.tenant("bolt").await);
            a.query(BODIES).await;
            let reply = b.query(BODIES).await;
            reply.holds(canary("acme")) || reply.rows.is_empty()
        }),
        Protection::ContextAgain => ("C-07", {
            let (mut a, mut b) = (scene.tenant("acme").await, scene.tenant("bolt").await);
            b.query(BODIES).await.good();
            a.query("SELECT 1/0").await;
            a.query(BODIES).await.rows.len() != 3
        }),
        Protection::OneTenant => ("C-01", {
            let mut backend = scene.backend().await;
            backend.query("BEGIN; SET LOCAL app.tenant_id = 'acme'").await.good();
            backend.query("SET LOCAL app.tenant_id = 'bolt'").await;
            !backend.query(BODIES).await.rows.is_empty()
        }),
        Protection::Residue => ("S-04", {
            let (mut one, mut two) = (scene.tenant("acme").await, scene.tenant("acme").await);
            one.query("PREPARE p AS SELECT 'of another'").await.good();
            two.query("EXECUTE p").await.errors.is_empty()
        }),
        Protection::Replacement => ("S-12", {
            scene.tenant("acme").await.query(leftover).await.good();
            !scene.tenant("bolt").await.query(BODIES).await.errors.is_empty()
        }),
        Protection::NothingAfterRefusal => ("W-11", {
            // error and ReadyForQuery have to come in one read
            let mut shifted = false;
            for _ in 0..20 {
                scene.tenant("acme").await.query(leftover).await.good();
                let mut b = scene.tenant("bolt").await;
                shifted |= b.batch(Batch::default().run("SELECT 'own'", &[]).sync()).await.tags != "12DCZ";
            }
            shifted
        }),
        Protection::Names => ("W-16", {
            let (mut a, mut b) = (scene.tenant("acme").await, scene.tenant("bolt").await);
            a.batch(Batch::default().parse("s", "SELECT 'of A'").sync()).await.good();
            b.batch(Batch::default().parse("s", "SELECT 'of B'").sync()).await;
            let reply = b.batch(Batch::default().bind("s", &[]).execute().sync()).await;
            reply.rows.is_empty() || reply.column() != ["of B"]
        }),
        Protection::CloseFirst => ("W-16", {
            let (mut a, mut b) = (scene.tenant("bolt").await, scene.tenant("bolt").await);
            b.batch(Batch::default().parse("s", BODIES).bind("s", &[]).execute().sync()).await.good();
            a.query("DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '0A000'; END$$").await;
            !b.batch(Batch::default().bind("s", &[]).execute().sync()).await.errors.is_empty()
        }),
        Protection::OthersTexts => ("S-04", {
            let mut a = scene.tenant("acme").await;
            a.batch(Batch::default().parse("s", "SELECT 'CANARY-acme'").bind("s", &[]).execute().sync()).await.good();
            let mut b = scene.tenant("bolt").await;
            b.query("SELECT statement FROM pg_prepared_statements").await.holds(canary("acme"))
        }),
        Protection::Rest => ("S-10", {
            let mut a = scene.tenant("acme").await;
            a.query("BEGIN; INSERT INTO notes (body) VALUES ('left')").await.good();
            a.reset();
            let mut b = scene.tenant("bolt").await;
            let reply = b.query("SELECT txid_current_if_assigned()").await;
            reply.rows.first().is_none_or(|row| row[0].is_some())
        }),
        Protection::NoSyncOfOurs => ("S-10", {
            let mut a = scene.tenant("acme").await;
            let insert = "INSERT INTO notes (body) VALUES ('left')";
            a.send(&Batch::default().run(insert, &[]).flush().0).await;
            a.reply_until(b"C").await;
            a.reset();
            scene.tenant("acme").await.query(BODIES).await.rows.len() != 3
        }),
        Protection::OwnSettings => ("S-13", {
            let (mut a, mut backend) = (scene.tenant("acme").await, scene.backend().await);
            a.query("SET TimeZone = 'Asia/Tokyo'").await.good();
            a.query(BODIES).await.good();
            backend.query("BEGIN").await.good();
            backend.query("SET LOCAL app.tenant_id = 'bolt'").await.good();
            backend.query("ROLLBACK").await.good();
            backend.settings["TimeZone"] == "Asia/Tokyo"
        }),
        Protection::CancelSecret => ("W-08", {
            let mut b = scene.tenant("bolt").await;
            b.send(&Batch::default().query("SELECT pg_sleep(1)").0).await;
            until_it_sleeps(scene).await;
            cancel(scene, b.process, &[0; 4]).await;
            !b.reply().await.errors.is_empty()
        }),
        Protection::Options => ("W-01", {
            let option = [("options", "-c app.tenant_id=bolt")];
            scene.tenant_with("acme", &option).await.is_ok()
        }),
        Protection::Decoy => ("W-29", {
            let mut told = Vec::new();
            for user in [format!("app.{}", TENANTS[0].1), "app.nobody".into()] {
                told.push(scene.log_in(&user, "wrong", &[]).await.err().expect("it is wrong"));
            }
            told[0] != told[1]
        }),
    }
}

#[tokio::test]
async fn each_attack_succeeds_without_its_protection_and_only_then() {
    let mut list = String::new();
    for protection in Protection::ALL {
        let mut scene = Scene::new(1).await;
        let (id, succeeded) = Box::pin(attack(&scene, protection)).await;
        assert!(!succeeded, "{id} succeeds against {protection:?}");
        scene.start_without(Some(protection));
        let (_, succeeded) = Box::pin(attack(&scene, protection)).await;
        assert!(succeeded, "nobody misses {protection:?}: {id} fails without it");
        list.push_str(&format!("{protection:?}: {id}\n"));
    }
    assert_eq!(list, include_str!("ablation.golden"), "the protections and their attacks");
}

/// What newer servers do differently opens nothing.
#[tokio::test]
async fn no_attack_succeeds_on_other_versions() {
    for major in tenantry_testkit::available().into_iter().filter(|major| *major != 15) {
        let scene = Scene::on(major, 1, |_, _| {}).await;
        for tenant in ["acme", "bolt", "acme"] {
            let reply = scene.tenant(tenant).await.query(BODIES).await;
            // from 18 on a simple query behind the context would leave the transaction open
            assert_eq!((reply.column(), reply.status), (vec![canary(tenant); 3], 'I'), "PostgreSQL {major}");
        }
        for protection in Protection::ALL {
            let scene = Scene::on(major, 1, |_, _| {}).await;
            let (id, succeeded) = Box::pin(attack(&scene, protection)).await;
            assert!(!succeeded, "{id} succeeds on PostgreSQL {major} against {protection:?}");
        }
    }
}
