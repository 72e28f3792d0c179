//! The tenant of a task.

use super::{World, sees, tenant};
use crate::{ScopeError, current, scope, spawn_with, switch};

#[tokio::test]
async fn a_task_has_the_tenant_it_was_given_and_hands_it_to_nobody() {
    let world = World::new(15, "scoped").await;
    let pool = world.pool(2).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    assert_eq!(current().unwrap_err(), ScopeError::NoTenant);

    let whose = async || sees(&current().unwrap()).await.concat();
    // both at once in one task
    let (one, two) = tokio::join!(scope(a.clone(), whose()), scope(b.clone(), whose()));
    assert_eq!((one.unwrap().as_str(), two.unwrap().as_str()), ("Workspace 1", "Workspace 2"));

    scope(a.clone(), async {
        let job = tokio::spawn(async { current().map(|h| h.tenant().clone()) });
        assert_eq!(job.await.unwrap(), Err(ScopeError::NoTenant), "a spawned task has no tenant");
        let told = spawn_with(current().unwrap(), async { current().unwrap().tenant().clone() });
        assert_eq!(told.await.unwrap(), tenant(0));
        let other = spawn_with(b.clone(), async { sees(&current().unwrap()).await });
        assert_eq!(other.await.unwrap(), ["Workspace 2"]);

        assert_eq!(scope(a.clone(), whose()).await.unwrap(), "Workspace 1", "the same again is no change");
        let refused = scope(b.clone(), async { unreachable!("must not run") }).await.unwrap_err();
        assert_eq!(refused, ScopeError::OtherTenant { current: tenant(0), other: tenant(1) });
        let unit = scope(a.within_unit(&tenant(2)), async {}).await.unwrap_err();
        assert_eq!(unit, ScopeError::OtherUnit { tenant: tenant(0) });
        assert_eq!(switch(b.clone(), whose()).await, "Workspace 2");
        assert_eq!(whose().await, "Workspace 1", "and back");
    })
    .await
    .unwrap();
    assert_eq!(current().unwrap_err(), ScopeError::NoTenant);
}
