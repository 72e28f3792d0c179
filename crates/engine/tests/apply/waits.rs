//! Rows that stay locked during a backfill are put off, not waited for.

use tenantry_engine::apply::{self, Event, Observer};
use tenantry_testkit::postgres;
use tokio::sync::Notify;

use crate::support::{self, blueprint, options};

/// Notes how far the backfill gets, and lets the lock go when everything else is done.
struct Watch<'a> {
    all_else: &'a Notify,
    waits: std::sync::atomic::AtomicU32,
}

impl Observer for Watch<'_> {
    fn event(&self, event: Event) {
        match event {
            Event::Progress { progress, .. } if progress.pages == progress.pages_total => self.all_else.notify_one(),
            Event::Waiting { step: 5, .. } => _ = self.waits.fetch_add(1, std::sync::atomic::Ordering::SeqCst),
            _ => {}
        }
    }
}

#[tokio::test]
async fn one_locked_row_does_not_hold_up_the_rest() {
    let db = postgres(15).database("rowlock").await;
    db.execute(support::SCHEMA).await;
    let (_folder, options) = options();
    let blueprint = blueprint(&db).await;
    apply::apply(&db.target(), &blueprint, &options, &support::At::stop(5)).await.unwrap_err();
    let mut writer = db.connect_plain().await;
    let long = writer.transaction().await.unwrap();
    long.execute("UPDATE note SET body = 'held' WHERE id = 1", &[]).await.unwrap();
    let all_else = Notify::new();
    let watch = Watch { all_else: &all_else, waits: 0.into() };
    let filled = async {
        apply::apply(&db.target(), &blueprint, &options, &watch).await.unwrap();
    };
    let release = async {
        all_else.notified().await;
        long.commit().await.unwrap();
    };
    tokio::join!(filled, release);
    assert!(watch.waits.load(std::sync::atomic::Ordering::SeqCst) > 0);
    let client = db.connect().await;
    let left: i64 =
        client.query_one("SELECT count(*) FROM public.note WHERE team_id IS NULL", &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
    apply::rollback(&db.target(), &options, &apply::Silent).await.unwrap();
}
