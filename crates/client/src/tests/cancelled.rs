//! Futures dropped at every await: no transaction, and no row of another tenant, comes out of it. The same with a
//! pool that uses connections in doubt again, which must be noticed.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::{World, patient, tenant};
use crate::{Error, Options, TenantHandle, TenantPool};

/// More polls than any of the futures here takes.
const POLLS_MAX: usize = 400;

/// Polls a future so many times and drops it; whether it came to its end.
async fn cut<F: Future>(work: F, polls: usize) -> bool {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        work.as_mut().poll(cx).map(|_| true)
    })
    .await
}

/// What a tenant does when it is cut off. `committing` is set when its rows may come to stay.
async fn work(scene: &str, a: &TenantHandle, name: &str, committing: &Cell<bool>) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO project (name) VALUES ($1)";
    match scene {
        "commit" => {
            let tx = a.begin().await?;
            tx.execute(INSERT, &[&name]).await?;
            tx.query("SELECT count(*) FROM project", &[]).await?;
            committing.set(true);
            tx.commit().await
        }
        "roll back" => {
            let tx = a.begin().await?;
            tx.execute(INSERT, &[&name]).await?;
            tx.rollback().await
        }
        "failed" => {
            let tx = a.begin().await?;
            tx.execute(INSERT, &[&name]).await?;
            let _ = tx.batch_execute("SELECT 1/0").await;
            tx.commit().await
        }
        "closure" => {
            a.transaction(|tx| async move {
                tx.batch_execute("SET LOCAL work_mem = '5MB'").await?;
                tx.execute(INSERT, &[&name]).await?;
                Err(Error::Closed)
            })
            .await
        }
        _ => {
            committing.set(true);
            a.execute(INSERT, &[&name]).await.map(drop)
        }
    }
}

/// Cuts the work off at each of its polls. Gives what the next tenant noticed.
async fn leaks(world: &World, options: Options, scene: &str) -> Vec<String> {
    let pool = world.pool_with(Options { slots: Some(0..1), ..options }).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    let mut found = Vec::new();
    for polls in 0..POLLS_MAX {
        let (name, committing) = (format!("cut {scene} {polls}"), Cell::new(false));
        if polls % 3 == 0 {
            // from the very beginning: another tenant's connection, or none
            let _ = b.query("SELECT 1", &[]).await;
        }
        let ended = cut(work(scene, &a, &name, &committing), polls).await;
        if let Err(what) = next(&pool).await {
            found.push(format!("{scene} after {polls} polls: {what}"));
        }
        let stayed = world.admin(&format!("SELECT count(*)::text FROM project WHERE name = '{name}'")).await;
        if stayed != "0" && !committing.get() {
            found.push(format!("{scene} after {polls} polls: committed by another tenant"));
        }
        if ended {
            pool.close().await;
            return found;
        }
    }
    panic!("{scene} takes more than {POLLS_MAX} polls");
}

/// The next tenant works on the same slot, and commits.
async fn next(pool: &TenantPool) -> Result<(), String> {
    let b = pool.tenant(&tenant(1));
    let tx = b.begin().await.map_err(|e| e.to_string())?;
    let row = tx
        .query_one(
            "SELECT string_agg(DISTINCT w.name, ' '), pg_current_xact_id_if_assigned()::text, current_setting('work_mem')
             FROM workspace w JOIN project p ON p.workspace_id = w.id",
            &[],
        )
        .await
        .map_err(|e| e.to_string())?;
    let (seen, open): (String, Option<String>) = (row.get(0), row.get(1));
    if seen != "Workspace 2" {
        return Err(format!("sees {seen}"));
    }
    if row.get::<_, String>(2) == "5MB" {
        return Err("has another tenant's settings".to_owned());
    }
    if open.is_some() {
        // go on as an application would that knows nothing of it
        tx.commit().await.map_err(|e| e.to_string())?;
        return Err("begins in another tenant's transaction".to_owned());
    }
    tx.commit().await.map_err(|e| e.to_string())
}

#[tokio::test]
async fn a_future_dropped_anywhere_leaves_nothing_to_the_next_tenant() {
    let world = World::new(15, "cut").await;
    for scene in ["commit", "roll back", "failed", "closure", "single"] {
        let found = leaks(&world, patient(), scene).await;
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// The ablation: with connections in doubt used again, the same test must find something.
#[tokio::test]
async fn a_pool_that_keeps_connections_in_doubt_is_caught() {
    let world = World::new(15, "ablated").await;
    let found = leaks(&world, Options { keeps_in_doubt: true, ..patient() }, "commit").await;
    assert!(found.iter().any(|f| f.contains("another tenant's transaction")), "{found:#?}");
    assert!(found.iter().any(|f| f.contains("committed by another tenant")), "{found:#?}");
}

/// Cut off while it waits for its turn: the turn goes to the next one.
#[tokio::test]
async fn who_leaves_the_queue_takes_no_seat_along() {
    let world = World::new(15, "left").await;
    let pool = world.pool(1).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    for polls in 0..POLLS_MAX {
        let only = a.begin().await.unwrap();
        let waits = async {
            let tx = b.begin().await?;
            tx.rollback().await
        };
        let others = async {
            tokio::task::yield_now().await;
            only.commit().await
        };
        let (ended, committed) = tokio::join!(cut(waits, polls), others);
        committed.unwrap();
        next(&pool).await.unwrap();
        assert_eq!((pool.counts().used, pool.counts().waiting), (0, 0), "{polls}");
        if ended {
            return;
        }
    }
    panic!("never came to its end");
}

/// A statement that somebody stopped waiting for does not run on.
#[tokio::test]
async fn the_statement_of_a_dropped_future_is_cancelled() {
    let world = World::new(15, "sleep").await;
    let pool = world.pool(1).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    let running = "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)' AND state = 'active'
        AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()";
    let until = async |wanted: &str| while world.admin(running).await != wanted {};
    tokio::select! {
        _ = a.query("SELECT pg_sleep(3600)", &[]) => panic!("an hour is not over"),
        () = until("1") => {}
    }
    next(&pool).await.unwrap();
    until("0").await;
    // in a transaction too
    let tx = a.begin().await.unwrap();
    tokio::select! {
        _ = tx.query("SELECT pg_sleep(3600)", &[]) => panic!("an hour is not over"),
        () = until("1") => {}
    }
    drop(tx);
    b.query("SELECT 1", &[]).await.unwrap();
    until("0").await;
}
