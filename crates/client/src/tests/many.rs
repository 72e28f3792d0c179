//! The same work for many tenants.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{World, tenant};
use crate::{Error, Failure, current, for_each_tenant};

#[tokio::test]
async fn whoever_fails_fails_alone() {
    let world = World::new(15, "many").await;
    let pool = world.pool(3).await;
    let tenants: Vec<_> = [0, 1, 2, 0, 1, 2].map(tenant).to_vec();
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (running, most_seen) = (&running, &most);
    let report = for_each_tenant(&pool, tenants.clone(), 2, |handle| async move {
        most_seen.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        assert!(current().unwrap().is_same_tenant(&handle));
        let name: Result<String, Error> = handle
            .transaction(|tx| async move {
                tx.execute("INSERT INTO project (name) VALUES ('for each')", &[]).await?;
                let name: String = tx.query_one("SELECT name FROM workspace", &[]).await?.get(0);
                if name == "Workspace 2" {
                    tx.query("SELECT 1/0", &[]).await?;
                }
                Ok(name)
            })
            .await;
        running.fetch_sub(1, Ordering::SeqCst);
        let name = name?;
        assert_ne!(name, "Workspace 3", "the third always panics");
        Ok::<_, Error>(name)
    })
    .await;
    assert_eq!(most.into_inner(), 2);
    assert!(!report.is_success());
    assert_eq!(report.outcomes.iter().map(|o| o.tenant.clone()).collect::<Vec<_>>(), tenants);
    assert_eq!(report.failures().count(), 4);
    for (number, outcome) in report.outcomes.iter().enumerate() {
        match (number % 3, &outcome.result) {
            (0, Ok(name)) => assert_eq!(name, "Workspace 1"),
            (1, Err(Failure::Failed(error))) => assert_eq!(error.sqlstate(), Some("22012")),
            (2, Err(Failure::Panicked(words))) => assert!(words.contains("the third always panics"), "{words}"),
            (_, other) => panic!("{number}: {other:?}"),
        }
    }
    let kept =
        "SELECT string_agg(w.name, ', ' ORDER BY w.name) FROM project p JOIN workspace w ON w.id = p.workspace_id
        WHERE p.name = 'for each'";
    assert_eq!(world.admin(kept).await, "Workspace 1, Workspace 1, Workspace 3, Workspace 3");
    assert!(for_each_tenant(&pool, [], 9, |_| async { Ok::<_, Error>(()) }).await.is_success());
}
