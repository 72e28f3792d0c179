//! Layer W, what a client says in the wrong order, cut off, pipelined or at the wrong moment: every answer goes to
//! who asked, and the connection that comes next to somebody else says nothing of it.

use crate::scene::{BODIES, Scene, canary};
use crate::wire::{Batch, Wire};

/// The next client, of the other tenant, must be answered exactly.
async fn next_is_itself(scene: &Scene, why: &str) -> String {
    let mut b = scene.tenant("bolt").await;
    let reply = b.query(BODIES).await;
    assert_eq!((reply.tags.as_str(), reply.column()), ("TDDDCZ", vec![canary("bolt"); 3]), "{why}: {reply:?}");
    let reply = b.batch(Batch::default().run("SELECT 'own', $1::text", &["value"]).sync()).await;
    assert_eq!((reply.tags.as_str(), reply.column()), ("12DCZ", vec!["own"]), "{why}: {reply:?}");
    b.backend().await
}

#[tokio::test]
async fn w11_after_an_error_everything_up_to_sync_is_dropped() {
    let scene = Scene::new(1).await;
    let process = next_is_itself(&scene, "at first").await;
    let mut a = scene.tenant("acme").await;
    for round in 0..3 {
        let failing = Batch::default().run("SELECT 1/0", &[]);
        let reply = a.batch(failing.clone().query("SELECT 'X'").sync()).await;
        assert_eq!(reply.errors.len(), 1, "{reply:?}");
        assert!(!reply.holds("X\0"), "{reply:?}");
        assert_eq!(reply.tags.matches('Z').count(), 1);
        // nothing more comes: the next answer is the next question's
        assert_eq!(a.query("SELECT 'next'").await.value(), "next");
        let reply = a.batch(failing.clone().parse("s", "SELECT 's'").bind("s", &[]).execute().sync()).await;
        assert_eq!((reply.errors.len(), reply.rows.len()), (1, 0));
        // two batches at once, the first of which fails
        a.send(&failing.sync().run("SELECT 'second'", &[]).sync().0).await;
        assert_eq!(a.reply().await.code(), "22012");
        assert_eq!(a.reply().await.column(), ["second"]);
        assert_eq!(next_is_itself(&scene, "after an error").await, process, "{round}");
    }
}

#[tokio::test]
async fn w12_failed_settings_and_prepares_leave_nothing_behind() {
    let scene = Scene::new(1).await;
    let mut a = scene.tenant("acme").await;
    for sql in [
        "SET lock_timeout TO sdf",
        "PREPARE p AS SELECT nothing FROM nowhere",
        "EXECUTE p",
        "SHOW nothing",
        "DEALLOCATE nothing",
        "LISTEN x",
        "DEALLOCATE ALL",
        "DISCARD ALL",
        "",
        ";",
    ] {
        a.send(&Batch::default().query(sql).run(sql, &[]).sync().query("SELECT 'mine'").0).await;
        let mut replies = Vec::new();
        for _ in 0..3 {
            replies.push(a.reply().await);
        }
        assert_eq!(replies[2].value(), "mine", "{sql}: {replies:?}");
        assert!(replies.iter().all(|r| r.status == 'I' && r.errors.len() <= 1), "{sql}: {replies:?}");
        next_is_itself(&scene, sql).await;
    }
}

#[tokio::test]
async fn w13_cut_off_after_any_number_of_bytes() {
    let scene = Scene::new(1).await;
    let fits = |n: usize| if n < 64 { n } else { 64 + (n - 64) * 997 };
    for cut in 0..120 {
        let mut a = scene.tenant("acme").await;
        let rows = "SELECT repeat(body, 100) FROM notes, generate_series(1, 500)";
        if cut % 2 == 0 {
            a.send(&Batch::default().query(rows).0).await;
        } else {
            a.send(&Batch::default().run(rows, &[]).sync().0).await;
        }
        let mut bytes = vec![0; fits(cut)];
        tokio::io::AsyncReadExt::read_exact(&mut a.stream, &mut bytes).await.expect("that much comes");
        if cut % 3 == 0 {
            a.reset()
        } else {
            drop(a)
        }
        let mut b = scene.tenant("bolt").await;
        let reply = b.query("SELECT 'B'").await;
        assert_eq!((reply.tags.as_str(), reply.value()), ("TDCZ", "B"), "{cut}");
    }
    // the question itself cut off at any byte
    let whole = Batch::default().run("SELECT body FROM notes WHERE body <> $1", &["x"]).sync().query(BODIES).0;
    for cut in 1..whole.len() {
        let mut a = scene.tenant("acme").await;
        a.send(&whole[..cut]).await;
        drop(a);
        if cut % 10 == 0 {
            next_is_itself(&scene, "cut off").await;
        }
    }
    next_is_itself(&scene, "cut off").await;
}

#[tokio::test]
async fn w14_a_suspended_portal_is_no_end_of_a_transaction() {
    let scene = Scene::new(1).await;
    let mut a = scene.tenant("acme").await;
    let batch = Batch::default().parse("", BODIES).bind_to("p", "", &[]).execute_some("p", 1).flush();
    a.send(&batch.0).await;
    assert_eq!(a.reply_until(b"s").await.column(), [canary("acme")]);
    // the only connection is A's as long as its portal is open
    let mut b = scene.tenant("bolt").await;
    b.send(&Batch::default().query(BODIES).0).await;
    for _ in 0..2 {
        a.send(&Batch::default().execute_some("p", 1).flush().0).await;
        assert_eq!(a.reply_until(b"sC").await.column(), [canary("acme")]);
    }
    let rest = a.batch(Batch::default().execute_some("p", 0).sync()).await.good();
    assert!(rest.rows.is_empty());
    assert_eq!(b.reply().await.column(), [canary("bolt"); 3]);
}

#[tokio::test]
async fn w15_several_batches_in_one_write() {
    let scene = Scene::new(1).await;
    let mut b = scene.tenant("bolt").await;
    let mut a = scene.tenant("acme").await;
    for _ in 0..20 {
        let mut batches = Batch::default();
        for n in 0..5 {
            batches = batches.run(&format!("SELECT body || '{n}' FROM notes LIMIT 1"), &[]).sync();
        }
        a.send(&batches.query(BODIES).query("SELECT 1/0").0).await;
        b.send(&Batch::default().query(BODIES).0).await;
        for n in 0..5 {
            assert_eq!(a.reply().await.column(), [format!("CANARY-acme{n}")]);
        }
        assert_eq!(a.reply().await.column(), [canary("acme"); 3]);
        assert_eq!(a.reply().await.code(), "22012");
        assert_eq!(b.reply().await.column(), [canary("bolt"); 3]);
    }
}

/// A backend's batches in one write may be of different tenants.
#[tokio::test]
async fn w15_batches_of_different_tenants_in_one_write() {
    let scene = Scene::new(1).await;
    let mut backend = scene.backend().await;
    let mut batches = Batch::default();
    let order = ["acme", "bolt", "bolt", "acme", "bolt"];
    for tenant in order {
        batches = batches.run("SELECT set_config('app.tenant_id', $1, true)", &[tenant]).run(BODIES, &[]).sync();
        batches = batches.query(&format!("BEGIN; SET LOCAL app.tenant_id = '{tenant}'; {BODIES}; COMMIT"));
        batches = batches
            .query("BEGIN")
            .query(&format!("SET LOCAL app.tenant_id = '{tenant}'"))
            .query(BODIES)
            .query("COMMIT");
        batches = batches.query(BODIES);
    }
    backend.send(&batches.0).await;
    for tenant in order {
        assert_eq!(backend.reply().await.column()[1..], [canary(tenant); 3]);
        assert_eq!(backend.reply().await.column(), [canary(tenant); 3]);
        backend.reply().await.good();
        backend.reply().await.good();
        assert_eq!(backend.reply().await.column(), [canary(tenant); 3]);
        backend.reply().await.good();
        assert_eq!(backend.reply().await.code(), "42501");
    }
}

#[tokio::test]
async fn w20_copies_that_fail_or_are_left() {
    let scene = Scene::new(1).await;
    let mut a = scene.tenant("acme").await;
    let data = |batch: Batch| batch.copy_data("1\n").copy_data("2\n");
    // the control: a copy works
    let reply = a.batch(data(Batch::default().query("COPY scratch FROM STDIN")).copy_done()).await;
    assert_eq!(reply.good().commands, ["COPY 2"]);
    for begin in ["COPY nowhere FROM STDIN", "COPY notes (body) FROM STDIN", "COPY scratch (nothing) FROM STDIN"] {
        a.send(&data(Batch::default().query(begin)).copy_done().query("SELECT 'after'").0).await;
        assert_eq!(a.reply().await.errors.len(), 1, "{begin}");
        assert_eq!(a.reply().await.value(), "after", "{begin}");
        next_is_itself(&scene, begin).await;
        let reply = a.batch(data(Batch::default().run(begin, &[])).copy_done().sync()).await;
        assert_eq!((reply.errors.len(), reply.tags.matches('Z').count()), (1, 1), "{begin}");
        assert_eq!(a.query("SELECT 'after'").await.value(), "after", "{begin}");
        next_is_itself(&scene, begin).await;
    }
    // ended by the client, or by data that does not fit, or by another message
    for end in [data(Batch::default()).copy_fail(), Batch::default().copy_data("a\tb\tc\n").copy_done()] {
        let mut batch = Batch::default().query("COPY scratch FROM STDIN");
        batch.0.extend(end.0);
        assert_eq!(a.batch(batch).await.errors.len(), 1);
        assert_eq!(a.query("SELECT 'after'").await.value(), "after");
        next_is_itself(&scene, "a failed copy").await;
    }
    let mut other = scene.tenant("acme").await;
    other.send(&data(Batch::default().query("COPY scratch FROM STDIN")).query("SELECT 1").0).await;
    other.reply().await;
    drop(other);
    next_is_itself(&scene, "a query while copying").await;
    // out
    let reply = a.query("COPY (SELECT body FROM notes) TO STDOUT").await.good();
    assert!(reply.holds(canary("acme")) && !reply.holds(canary("bolt")));
    let mut other = scene.tenant("acme").await;
    other.send(&Batch::default().query("COPY (SELECT body FROM notes, generate_series(1, 100000)) TO STDOUT").0).await;
    other.message().await;
    other.reset();
    next_is_itself(&scene, "a copy that was left").await;
}

#[tokio::test]
async fn w21_w23_w24_what_is_no_message_ends_only_its_connection() {
    let scene = Scene::new(1).await;
    let mut bystander = scene.tenant("bolt").await;
    let mut raws: Vec<Vec<u8>> = Vec::new();
    for length in [-1_i32, 0, 3, i32::MAX, i32::MIN] {
        for tag in b"QPBDECSXFdcfHp\0\xff" {
            raws.push([&[*tag][..], &length.to_be_bytes(), b"SELECT 1\0"].concat());
        }
    }
    raws.extend([
        Batch::default().query("SELECT 1").0.iter().map(|b| if *b == b' ' { 0 } else { *b }).collect(),
        [b"Q\0\0\0\x0c".as_slice(), b"\xff\xfe SELE"].concat(),
        // a second startup message
        [8_i32.to_be_bytes(), 196_608_i32.to_be_bytes()].concat(),
        b"B\0\0\0\x0a\0\0\xff\xff\xff\xff".to_vec(),
        b"Z\0\0\0\x05I".to_vec(),
        b"R\0\0\0\x08\0\0\0\0".to_vec(),
    ]);
    for raw in raws {
        let mut a = scene.tenant("acme").await;
        a.send(&raw).await;
        a.send(&Batch::default().sync().query(BODIES).sync().0).await;
        tokio::io::AsyncWriteExt::shutdown(&mut a.stream).await.ok();
        let mut seen = Vec::new();
        while let Some((_, body)) = a.message().await {
            seen.extend(body);
        }
        assert!(!seen.windows(11).any(|w| w == canary("bolt").as_bytes()), "{raw:?}");
        let reply = bystander.query(BODIES).await;
        assert_eq!(reply.column(), [canary("bolt"); 3], "{raw:?}: {reply:?}");
    }
    // before and while logging in
    for raw in [
        &b"Q\0\0\0\x0dSELECT 1\0"[..],
        &[0, 0, 0, 4],
        &[0, 0, 0, 7, 0, 3, 0],
        &[0x3b, 0x9a, 0xca, 0, 0, 3, 0, 0],
        &[0, 0, 0, 9, 0, 3, 0, 0, 0],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 0, 0, 8, 0, 2, 0, 0],
    ] {
        let mut stranger = Wire::open(scene.at).await;
        stranger.send(raw).await;
        tokio::io::AsyncWriteExt::shutdown(&mut stranger.stream).await.ok();
        let reply = stranger.reply().await;
        assert!(reply.status == ' ' && reply.errors.len() <= 1, "{raw:?}: {reply:?}");
        assert_eq!(bystander.query(BODIES).await.column(), [canary("bolt"); 3], "{raw:?}");
    }
    let mut early = Wire::open(scene.at).await;
    let mut out = Vec::new();
    tenantry_wire::frontend::write_startup(
        &mut out,
        tenantry_wire::frontend::ProtocolVersion::V3_0,
        &[("user", "app.acme"), ("database", "shop")],
    )
    .unwrap();
    early.send(&[out, Batch::default().query(BODIES).0].concat()).await;
    let reply = early.reply().await;
    assert!(reply.status == ' ' && !reply.holds("CANARY"), "{reply:?}");
}

/// The context is refused inside a transaction that began without one: the client is told at once, and is not left
/// waiting for an answer to what the server passed over.
#[tokio::test]
async fn w11_a_refusal_inside_a_transaction_is_answered() {
    let scene = Scene::new(1).await;
    let id = crate::scene::TENANTS[0].1;
    for simple in [true, false] {
        let mut backend = scene.backend().await;
        backend.query("BEGIN ISOLATION LEVEL REPEATABLE READ").await.good();
        // from now on no context is taken
        backend.query("SELECT tenantry.bind_session()").await.good();
        let reply = if simple {
            backend.query("SET LOCAL app.tenant_id = 'acme'").await
        } else {
            backend.batch(Batch::default().run("SELECT set_config('app.tenant_id', $1, true)", &[id]).sync()).await
        };
        assert_eq!((reply.code(), reply.status), ("42501", 'E'), "{simple}: {reply:?}");
        assert_eq!(backend.query(BODIES).await.code(), "25P02");
        assert_eq!(backend.query("ROLLBACK").await.good().status, 'I');
        next_is_itself(&scene, "a refused context").await;
    }
}

/// A cursor held beyond its transaction is its client's as long as that is connected, and nobody's after it.
#[tokio::test]
async fn s03_a_held_cursor_is_its_clients() {
    let scene = Scene::new(2).await;
    let mut a = scene.tenant("acme").await;
    a.query("DECLARE c CURSOR WITH HOLD FOR SELECT body FROM notes").await.good();
    let mut b = scene.tenant("bolt").await;
    assert_eq!(b.query("FETCH ALL FROM c").await.code(), "34000");
    assert_eq!(a.query("FETCH 1 FROM c").await.column(), [canary("acme")]);
    assert_eq!(a.query(BODIES).await.column(), [canary("acme"); 3]);
    assert_eq!(a.query("FETCH ALL FROM c").await.column(), [canary("acme"); 2]);
    drop(a);
    assert_eq!(scene.tenant("acme").await.query("FETCH ALL FROM c").await.code(), "34000");
}

/// In session mode the connection is the client's with all that it leaves on it.
#[tokio::test]
async fn s01_a_session_keeps_its_own_state_and_leaves_none() {
    let scene = Scene::new(1).await;
    let mut a = scene.log_in("kept.acme", &crate::scene::password("acme"), &[]).await.unwrap();
    a.query("SET TimeZone = 'Asia/Tokyo'").await.good();
    a.query("PREPARE p AS SELECT body FROM notes").await.good();
    a.query("LISTEN x").await.good();
    assert_eq!(a.query("EXECUTE p").await.column(), [canary("acme"); 3]);
    assert_eq!(a.query("SHOW TimeZone").await.value(), "Asia/Tokyo");
    assert_eq!(a.query("SELECT * FROM pg_listening_channels()").await.value(), "x");
    assert_eq!(a.query("EXECUTE p").await.column(), [canary("acme"); 3]);
    assert_eq!(a.query(BODIES).await.column(), [canary("acme"); 3]);
    drop(a);
    let mut b = scene.log_in("kept.bolt", &crate::scene::password("bolt"), &[]).await.unwrap();
    assert_eq!(b.query("EXECUTE p").await.code(), "26000");
    assert_eq!(b.query(BODIES).await.column(), [canary("bolt"); 3]);
}
