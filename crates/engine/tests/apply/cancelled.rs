//! A run that is dropped at any await (Ctrl-C) leaves a state to go on from.

use std::time::Duration;

use tenantry_engine::apply::{self, Silent};
use tenantry_testkit::{dump, dump_roles, postgres};

use crate::support::{self, blueprint, options};

#[tokio::test]
async fn dropped_again_and_again_it_ends_where_it_should() {
    let db = postgres(15).database("cancelled").await;
    db.execute(support::SCHEMA).await;
    let before = (dump(&db), dump_roles(&db));
    let (_folder, options) = options();
    let blueprint = blueprint(&db).await;
    let target = db.target();
    // a little longer each time, so that it is cut off at many places and gets through in the end
    let mut patience = Duration::from_millis(8);
    let mut cuts = 0;
    while tokio::time::timeout(patience, apply::apply(&target, &blueprint, &options, &Silent)).await.is_err() {
        patience += Duration::from_millis(5);
        cuts += 1;
    }
    assert!(cuts > 3, "{cuts} cuts");
    assert_eq!(apply::status(&target).await.unwrap().steps_done, 8);
    let mut patience = Duration::from_millis(8);
    loop {
        match tokio::time::timeout(patience, apply::rollback(&target, &options, &Silent)).await {
            Err(_) => patience += Duration::from_millis(5),
            // the last transaction may have been committed just before the cut
            Ok(Err(apply::Error::NotIsolated { .. })) | Ok(Ok(_)) => break,
            Ok(Err(error)) => panic!("{error}"),
        }
    }
    assert_eq!((dump(&db), dump_roles(&db)), before);
}
