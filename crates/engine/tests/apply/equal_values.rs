//! A key that was unique over all tenants before, and is not any more when it is to come back.

use tenantry_engine::apply::{self, Error, Silent};
use tenantry_testkit::{dump, postgres};

use crate::support::{self, blueprint, options};

#[tokio::test]
async fn equal_values_stop_the_way_back_and_it_goes_on_without_them() {
    let db = postgres(15).database("equal").await;
    db.execute(support::SCHEMA).await;
    let before = dump(&db);
    let (_folder, options) = options();
    apply::apply(&db.target(), &blueprint(&db).await, &options, &Silent).await.unwrap();
    apply::complete(&db.target(), &options, &Silent).await.unwrap();
    db.execute("INSERT INTO member SELECT 100, 1, email FROM member WHERE id = 7").await;
    let error = apply::rollback(&db.target(), &options, &Silent).await.unwrap_err();
    assert!(matches!(error, Error::Step { .. }) && error.to_string().contains("equal values"), "{error}");
    assert!(!error.to_string().contains("m7@example.org"), "no row's value is shown: {error}");
    let client = db.connect().await;
    let sql = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0, "no half-built index stays");
    db.execute("DELETE FROM member WHERE id = 100").await;
    apply::rollback(&db.target(), &options, &Silent).await.unwrap();
    assert_eq!(dump(&db), before);
}
