//! Who gets how many connections, and what is said when there is none.

use std::time::Duration;

use futures::FutureExt;
use tenantry_model::Class;

use super::{World, patient, sees, tenant};
use crate::{CredentialsError, Error, Options, TenantPool};

#[tokio::test]
async fn a_tenant_may_not_take_the_last_connections() {
    let world = World::new(15, "share").await;
    let hasty = Options { slots: Some(0..3), wait: Duration::from_millis(50), waiting_max: 1, ..patient() };
    let pool = world.pool_with(hasty).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    let (first, second) = (a.begin().await.unwrap(), a.begin().await.unwrap());
    let refused = a.begin().await.unwrap_err();
    assert!(matches!(refused, Error::Exhausted { size: 3, .. }), "{refused:?}");
    assert_eq!(refused.class(), Class::Unavailable);
    assert_eq!(pool.counts().waiting, 0, "who gave up waits no more");
    assert_eq!(sees(&b).await, ["Workspace 2"], "the last one is for others");
    let third = b.begin().await.unwrap();
    assert!(matches!(b.begin().await, Err(Error::Exhausted { .. })));
    drop((first, second, third));
}

#[tokio::test]
async fn waiting_is_bounded_served_and_ended() {
    let world = World::new(15, "waiting").await;
    let pool = world.pool_with(Options { slots: Some(1..2), waiting_max: 1, ..patient() }).await;
    let (a, b) = (pool.tenant(&tenant(0)), pool.tenant(&tenant(1)));
    let only = a.begin().await.unwrap();
    let mut waits = Box::pin(b.begin());
    assert!((&mut waits).now_or_never().is_none());
    let full = b.begin().await.unwrap_err();
    assert!(matches!(full, Error::TooManyWaiting { waiting: 1 }), "{full:?}");
    assert_eq!(full.class(), Class::Quota);
    only.commit().await.unwrap();
    let got = waits.await.unwrap();
    assert_eq!(got.query_one("SELECT name FROM workspace", &[]).await.unwrap().get::<_, String>(0), "Workspace 2");

    let mut waits = Box::pin(a.begin());
    assert!((&mut waits).now_or_never().is_none());
    pool.close().await;
    assert!(matches!(waits.await, Err(Error::Closed)));
    assert!(matches!(a.begin().await, Err(Error::Closed)));
    got.commit().await.unwrap();
    let counts = pool.counts();
    assert_eq!((counts.used, counts.idle, counts.waiting), (0, 0, 0), "what comes back is closed");
}

#[tokio::test]
async fn a_pool_that_cannot_work_says_so_at_once() {
    let world = World::new(15, "unfit").await;
    let none = TenantPool::connect(world.credentials.clone(), Options { slots: Some(3..9), ..patient() }).await;
    assert!(matches!(none, Err(Error::Credentials { source: CredentialsError::NoLogin })));
    world.db.execute("DROP FUNCTION tenantry.bind_session()").await;
    let unbound = TenantPool::connect(world.credentials.clone(), patient()).await.unwrap_err();
    assert!(matches!(unbound, Error::Bind { .. }), "{unbound:?}");
    let mut wrong = world.credentials.clone();
    wrong.logins[0].password = "wrong".into();
    let refused = TenantPool::connect(wrong, patient()).await.unwrap_err();
    assert!(matches!(refused, Error::Connect { .. }), "{refused:?}");
    assert_eq!(refused.class(), Class::Denied);
}
