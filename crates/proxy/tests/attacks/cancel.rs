//! Layer W, cancelling: a key cancels what its own client does, and nothing else, ever.

use tenantry_wire::frontend;

use crate::scene::{BODIES, Scene, canary};
use crate::wire::{Batch, Wire};

pub(crate) async fn cancel(scene: &Scene, process: i32, secret: &[u8]) {
    let mut out = Vec::new();
    frontend::write_cancel(&mut out, process, secret).expect("a cancel request");
    let mut wire = Wire::open(scene.at).await;
    wire.send(&out).await;
    assert!(wire.message().await.is_none(), "a cancel request is not answered");
}

/// Waits until a client's statement runs on the server.
pub(crate) async fn until_it_sleeps(scene: &Scene) {
    let admin = scene.db.connect().await;
    let sleeps = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = pg_catalog.current_database()";
    while admin.query_one(sleeps, &[]).await.expect("activity").get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    admin.close().await;
}

#[tokio::test]
async fn w08_a_key_cancels_its_own_client_only() {
    let scene = Scene::new(1).await;
    let (mut a, mut b) = (scene.tenant("acme").await, scene.tenant("bolt").await);
    assert_ne!((a.process, &a.secret), (b.process, &b.secret));
    let process = a.backend().await;
    assert!(a.process.to_string() != process && b.process != a.process);
    // the control: it works, also within a transaction and in the extended protocol
    for begin in ["SELECT 1", "BEGIN"] {
        a.query(begin).await.good();
        a.send(&Batch::default().query("SELECT pg_sleep(60)").0).await;
        until_it_sleeps(&scene).await;
        cancel(&scene, a.process, &a.secret).await;
        assert_eq!(a.reply().await.code(), "57014", "{begin}");
        a.query("ROLLBACK").await;
        a.query(begin).await.good();
        a.send(&Batch::default().run("SELECT pg_sleep(60)", &[]).sync().0).await;
        until_it_sleeps(&scene).await;
        cancel(&scene, a.process, &a.secret).await;
        assert_eq!(a.reply().await.code(), "57014", "{begin}");
        a.query("ROLLBACK").await;
    }
    // A's key while the same server connection works for B; and keys that are nobody's
    assert_eq!(b.backend().await, process);
    b.send(&Batch::default().query("SELECT pg_sleep(1), 'done'").0).await;
    until_it_sleeps(&scene).await;
    cancel(&scene, a.process, &a.secret).await;
    cancel(&scene, b.process, &a.secret).await;
    cancel(&scene, process.parse().unwrap(), &a.secret).await;
    cancel(&scene, b.process, &[0; 4]).await;
    cancel(&scene, b.process, &[0; 32]).await;
    cancel(&scene, b.process, &[&b.secret[..], &[0]].concat()).await;
    cancel(&scene, i32::MAX, &b.secret).await;
    cancel(&scene, -1, &b.secret).await;
    let reply = b.reply().await.good();
    assert_eq!(reply.rows[0][1].as_deref(), Some("done"));
    assert_eq!(b.backend().await, process);
    // a key of a client that left is nobody's, even if another has its place
    let (left, secret) = (a.process, a.secret.clone());
    drop(a);
    let mut next = scene.tenant("bolt").await;
    next.send(&Batch::default().query("SELECT pg_sleep(0.5), 'done'").0).await;
    until_it_sleeps(&scene).await;
    cancel(&scene, left, &secret).await;
    assert_eq!(next.reply().await.good().rows[0][1].as_deref(), Some("done"));
}

/// Cancels at every moment around the end of a statement: the next tenant on the connection is never hit.
#[tokio::test]
async fn w09_a_late_cancel_hits_nobody() {
    let scene = Scene::new(1).await;
    let (mut a, mut b) = (scene.tenant("acme").await, scene.tenant("bolt").await);
    let mut process = b.backend().await;
    let (mut hits, mut same) = (0, 0);
    for round in 0_u32..300 {
        a.send(&Batch::default().query(&format!("SELECT pg_sleep({})", f64::from(round % 10) / 2000.0)).0).await;
        let late = async {
            // spread over the length of the statement
            for _ in 0..round % 37 {
                tokio::task::yield_now().await;
            }
            cancel(&scene, a.process, &a.secret.clone()).await;
        };
        late.await;
        b.send(&Batch::default().query("SELECT pg_sleep(0.001), body FROM notes").0).await;
        let cancelled = a.reply().await;
        assert!(cancelled.errors.iter().all(|e| e.code == "57014"), "{cancelled:?}");
        hits += u32::from(!cancelled.errors.is_empty());
        let reply = b.reply().await;
        assert!(reply.errors.is_empty() && reply.rows.len() == 3, "{round}: {reply:?}");
        let now = b.backend().await;
        same += u32::from(now == process);
        process = now;
    }
    // it was an attack: some were in time, some late; and the connection was not simply closed each time
    assert!(hits > 0 && hits < 300, "{hits}");
    assert!(same > 250, "{same}");
}

/// Requests with keys of nobody reach no server.
#[tokio::test]
async fn w10_wrong_keys_cost_no_server_connection() {
    let scene = Scene::new(1).await;
    let mut b = scene.tenant("bolt").await;
    let process = b.backend().await;
    b.send(&Batch::default().query("SELECT pg_sleep(0.5), 'done'").0).await;
    until_it_sleeps(&scene).await;
    for n in 0..300_i32 {
        cancel(&scene, n, &n.wrapping_mul(7919).to_be_bytes()).await;
    }
    assert_eq!(b.reply().await.good().rows[0][1].as_deref(), Some("done"));
    assert_eq!(b.backend().await, process);
    assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3]);
}

/// A client that is cancelled while it waits for a connection, or idle, is not harmed, and harms nobody.
#[tokio::test]
async fn w09_a_cancel_of_one_who_waits_or_rests() {
    let scene = Scene::new(1).await;
    let (mut a, mut b) = (scene.tenant("acme").await, scene.tenant("bolt").await);
    cancel(&scene, a.process, &a.secret).await;
    b.send(&Batch::default().query("SELECT pg_sleep(0.5), 'done'").0).await;
    until_it_sleeps(&scene).await;
    a.send(&Batch::default().query(BODIES).0).await;
    cancel(&scene, a.process, &a.secret).await;
    assert_eq!(b.reply().await.good().rows[0][1].as_deref(), Some("done"));
    assert_eq!(a.reply().await.good().column(), [canary("acme"); 3]);
}
