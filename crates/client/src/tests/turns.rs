//! Two tenants on one connection, one after the other.

use super::{World, process, sees, tenant, text};
use crate::{Error, Isolation, TransactionOptions};

/// The mark of the context that is held. Its name is not written out: the pool would take the context for lost.
const MARK: &str = "SELECT current_setting('tenantry.' || 'context')";

#[tokio::test]
async fn two_tenants_take_turns_on_one_connection() {
    for major in tenantry_testkit::available() {
        let world = World::new(major, "turns").await;
        let pool = world.pool(1).await;
        let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
        let (process_a, mut marks) = (process(&a).await, Vec::new());
        for round in 0..5 {
            for (handle, own) in [(&a, "Workspace 1"), (&b, "Workspace 2")] {
                assert_eq!(sees(handle).await, [own]);
                assert_eq!(process(handle).await, process_a);
                let mark = text(handle, MARK).await;
                // the same tenant again: the context stands, nothing was entered anew
                let inside: Result<String, Error> = handle
                    .transaction(|tx| async move {
                        tx.execute("INSERT INTO project (name) VALUES ($1)", &[&format!("round {round}")]).await?;
                        Ok(tx.query_one(MARK, &[]).await?.get(0))
                    })
                    .await;
                assert_eq!(inside.unwrap(), mark);
                assert!(!marks.contains(&mark), "each change of tenant is signed anew");
                marks.push(mark);
                let projects = handle.query("SELECT name FROM project WHERE name LIKE 'round%'", &[]).await.unwrap();
                assert_eq!(projects.len(), round + 1);
            }
        }
        let (counts, size) = (pool.counts(), pool.size());
        assert_eq!((counts.used, counts.idle, size), (0, 1, 1));
    }
}

#[tokio::test]
async fn transactions_begin_as_told() {
    let world = World::new(15, "begin").await;
    let pool = world.pool(1).await;
    for (round, number) in [0, 1, 1, 0].into_iter().enumerate() {
        let handle = pool.tenant(&tenant(number));
        let own = format!("Workspace {}", number + 1);
        let tx = handle.begin_with(TransactionOptions::new().read_only()).await.unwrap();
        let row = tx.query_one("SELECT name FROM workspace", &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), own, "{round}");
        let refused = tx.execute("INSERT INTO project (name) VALUES ('x')", &[]).await.unwrap_err();
        assert_eq!(refused.sqlstate(), Some("25006"));
        assert!(matches!(tx.commit().await, Err(Error::Aborted)));
        for (isolation, shown) in [
            (Isolation::ReadCommitted, "read committed"),
            (Isolation::RepeatableRead, "repeatable read"),
            (Isolation::Serializable, "serializable"),
        ] {
            let tx = handle.begin_with(TransactionOptions::new().isolation(isolation)).await.unwrap();
            let row = tx.query_one("SELECT current_setting('transaction_isolation'), name FROM workspace", &[]).await;
            let row = row.unwrap();
            assert_eq!((row.get::<_, String>(0), row.get::<_, String>(1)), (shown.to_owned(), own.clone()));
            tx.commit().await.unwrap();
        }
    }
}

/// Futures of the crate can be sent to other threads, closures included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_share_a_pool() {
    let world = World::new(15, "tasks").await;
    let pool = world.pool(3).await;
    let tasks: Vec<_> = (0..60u32)
        .map(|n| {
            let handle = pool.tenant(&tenant(n % 3));
            tokio::spawn(async move {
                let own = format!("Workspace {}", n % 3 + 1);
                let seen: Result<String, Error> = handle
                    .transaction(|tx| async move {
                        tx.execute("INSERT INTO project (name) VALUES ($1)", &[&format!("task {n}")]).await?;
                        Ok(tx.query_one("SELECT name FROM workspace", &[]).await?.get(0))
                    })
                    .await;
                assert_eq!(seen.unwrap(), own);
                assert_eq!(sees(&handle).await, [own]);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let written = "SELECT count(*)::text FROM project p JOIN workspace w ON w.id = p.workspace_id
        WHERE p.name LIKE 'task%' AND w.name = 'Workspace ' || (substr(p.name, 6)::int % 3 + 1)";
    assert_eq!(world.admin(written).await, "60");
    assert_eq!(pool.counts().used, 0);
}
