//! What the proxy is for: every way to say which tenant it is, and nothing seen of another.

use crate::scene::{BACKEND_PASSWORD, ROWS, Scene, TENANTS, canary, password};
use crate::wire::{Batch, Reply};

const BODIES: &str = "SELECT body FROM notes";

fn only(reply: &Reply, tenant: &str) {
    assert_eq!(reply.column(), [canary(tenant); ROWS], "{reply:?}");
}

#[tokio::test]
async fn a_tenants_login_reads_its_own_rows_in_both_protocols() {
    let scene = Scene::new(1).await;
    let (mut a, mut b) = (scene.tenant("acme").await, scene.tenant("bolt").await);
    assert_eq!(a.backend().await, b.backend().await);
    for _ in 0..3 {
        only(&a.query(BODIES).await, "acme");
        only(&b.batch(Batch::default().run(BODIES, &[]).sync()).await, "bolt");
        only(&a.batch(Batch::default().parse("s", BODIES).describe("s").bind("s", &[]).execute().sync()).await, "acme");
        assert_eq!(b.query("BEGIN").await.good().status, 'T');
        only(&b.query(BODIES).await, "bolt");
        b.query("INSERT INTO notes (body) VALUES ('new')").await.good();
        assert_eq!(b.query("ROLLBACK").await.good().status, 'I');
    }
    // by key instead of slug, and by the startup option
    let mut a = scene.log_in(&format!("app.{}", TENANTS[0].1), &password("acme"), &[]).await.unwrap();
    only(&a.query(BODIES).await, "acme");
    let option = [("options", "-c tenantry.tenant=bolt")];
    let mut b = scene.log_in("app", &password("bolt"), &option).await.unwrap();
    only(&b.query(BODIES).await, "bolt");
}

#[tokio::test]
async fn a_token_is_a_password() {
    let scene = Scene::new(1).await;
    let asked = [("options", "-c tenantry.auth=token")];
    let mut a = scene.log_in("app", &scene.token("acme"), &asked).await.unwrap();
    only(&a.query(BODIES).await, "acme");
    let mut a = scene.log_in("app.acme", &scene.token("acme"), &asked).await.unwrap();
    only(&a.query(BODIES).await, "acme");
    // of another tenant than the user name says
    assert!(scene.log_in("app.bolt", &scene.token("acme"), &asked).await.is_err());
}

#[tokio::test]
async fn a_backend_names_its_tenant_in_every_way() {
    let scene = Scene::new(1).await;
    let mut backend = scene.backend().await;
    for (tenant, id) in TENANTS {
        let token = scene.token(tenant);
        for naming in [
            format!("SET LOCAL app.tenant_id = '{id}'"),
            format!("SET LOCAL app.current_tenant TO '{tenant}'"),
            format!("SELECT set_config('app.tenant_id', '{id}', true)"),
            format!("SET LOCAL tenantry.token = '{token}'"),
            format!("SELECT set_config('tenantry.token', '{token}', true)"),
        ] {
            // message by message
            assert_eq!(backend.query("BEGIN").await.good().status, 'T');
            assert_eq!(backend.query(&naming).await.good().status, 'T', "{naming}");
            only(&backend.query(BODIES).await, tenant);
            assert_eq!(backend.query("COMMIT").await.good().status, 'I');
            // all in one text
            only(&backend.query(&format!("BEGIN; {naming}; {BODIES}; COMMIT")).await.without_first(&naming), tenant);
            // a transaction with a mode, which begins before the tenant is known
            backend.query("BEGIN ISOLATION LEVEL REPEATABLE READ").await.good();
            backend.query(&naming).await.good();
            only(&backend.query(BODIES).await, tenant);
            backend.query("COMMIT").await.good();
            // without it there is nobody
            assert_eq!(backend.query(BODIES).await.code(), "42501");
        }
        // in front of a statement
        only(&backend.query(&format!("/*tenant='{tenant}'*/ {BODIES}")).await, tenant);
        only(
            &backend.batch(Batch::default().run(&format!("/*tenant='{tenant}'*/ {BODIES}"), &[]).sync()).await,
            tenant,
        );
        // as a bound parameter, in one batch with the statement
        let named = Batch::default().run("SELECT set_config('app.tenant_id', $1, true)", &[id]);
        let reply = backend.batch(named.clone().run(BODIES, &[]).sync()).await.good();
        assert_eq!(reply.column()[1..], vec![canary(tenant); 3]);
        // in a batch that begins the transaction
        let reply = backend.batch(Batch::default().run("BEGIN", &[]).sync()).await.good();
        assert_eq!(reply.status, 'T');
        backend.batch(named.sync()).await.good();
        only(&backend.batch(Batch::default().run(BODIES, &[]).sync()).await, tenant);
        assert_eq!(backend.query("COMMIT").await.good().status, 'I');
        // a prepared statement names it
        backend
            .batch(Batch::default().parse("name", "SELECT set_config('app.tenant_id', $1, true)").sync())
            .await
            .good();
        let reply = backend.batch(Batch::default().bind("name", &[id]).execute().run(BODIES, &[]).sync()).await.good();
        assert_eq!(reply.column()[1..], vec![canary(tenant); 3]);
        backend.query("DEALLOCATE name").await.good();
    }
    assert_eq!(backend.batch(Batch::default().run(BODIES, &[]).sync()).await.code(), "42501");
}

#[tokio::test]
async fn who_is_wrong_is_told_one_sentence() {
    let scene = Scene::new(1).await;
    let mut told = Vec::new();
    for (user, secret) in [
        ("app.acme", "wrong"),
        ("app.acme", password("bolt").as_str()),
        ("app.nobody", password("acme").as_str()),
        ("nobody", BACKEND_PASSWORD),
        ("nobody.acme", password("acme").as_str()),
        ("app", password("acme").as_str()),
        ("backend", ""),
    ] {
        told.push(scene.log_in(user, secret, &[]).await.err().unwrap_or_else(|| panic!("{user} was let in")));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].code, "28P01");
}
