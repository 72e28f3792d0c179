//! What a parent gives its children is its own.

use crate::fixture::{Fixture, code};

#[tokio::test]
async fn children_never_get_more_than_their_parent_has() {
    let fixture = Fixture::new("tree").await;
    let client = fixture.admin().await;
    let give = async |child: i64, max: i64, parent: i64| {
        client.execute("SELECT tenantry.quota_set_limit($1, 'notes', $2::bigint, $3)", &[&child, &max, &parent]).await
    };
    fixture.limit(&client, 1, "notes", Some(20)).await; // five are used
    give(11, 10, 1).await.unwrap();
    assert_eq!(code(give(12, 6, 1).await), "53400", "20 - 5 - 10 = 5 are left to give");
    give(12, 5, 1).await.unwrap();
    assert_eq!(code(client.batch_execute("INSERT INTO note (team_id) VALUES (1)").await), "53400", "all is given on");
    for child in 1..100 {
        assert_eq!(code(give(100 + child, 1, 1).await), "53400");
    }
    client.batch_execute("INSERT INTO note (team_id) SELECT 11 FROM generate_series(1, 10)").await.unwrap();
    assert_eq!(code(client.batch_execute("INSERT INTO note (team_id) VALUES (11)").await), "53400");
    // a child gives on what it does not use itself
    assert_eq!(code(give(13, 1, 11).await), "53400");
    give(13, 5, 12).await.unwrap();
    assert_eq!(code(client.batch_execute("INSERT INTO note (team_id) VALUES (12)").await), "53400");
    // nobody takes back what is used or given on
    assert_eq!(code(give(11, 9, 1).await), "53400");
    assert_eq!(code(give(12, 4, 1).await), "53400");
    assert_eq!(code(client.batch_execute("SELECT tenantry.quota_set_limit(1, 'notes', 19)").await), "53400");
    assert_eq!(
        code(client.batch_execute("SELECT tenantry.quota_set_grace(11, 'notes', 10, now() + interval '1 hour')").await),
        "22023"
    );
    // no circle, and no chain without an end
    assert_eq!(code(give(1, 5, 13).await), "22023");
    assert_eq!(code(give(12, 5, 13).await), "22023");
    // less, elsewhere, and out of the tree: the giver has it again
    client.batch_execute("DELETE FROM note WHERE team_id = 11").await.unwrap();
    give(11, 2, 1).await.unwrap();
    client.batch_execute("INSERT INTO note (team_id) SELECT 1 FROM generate_series(1, 8)").await.unwrap();
    fixture.limit(&client, 2, "notes", Some(50)).await;
    give(11, 40, 2).await.unwrap();
    let given = "SELECT used, given FROM tenantry.quota_usage($1) WHERE resource = 'notes'";
    let of = async |tenant: i64| {
        let row = client.query_one(given, &[&tenant]).await.unwrap();
        (row.get::<_, i64>(0), row.get::<_, i64>(1))
    };
    assert_eq!((of(1).await, of(2).await), ((13, 5), (5, 40)));
    client.batch_execute("SELECT tenantry.quota_reset_limit(11, 'notes')").await.unwrap();
    assert_eq!(of(2).await, (5, 0));
    fixture.is_exact(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_are_given_at_once_get_no_more_than_there_is() {
    let fixture = std::sync::Arc::new(Fixture::new("treerace").await);
    let client = fixture.admin().await;
    fixture.limit(&client, 1, "notes", Some(35)).await;
    let mut takers = Vec::new();
    for child in 0..24_i64 {
        let fixture = std::sync::Arc::clone(&fixture);
        takers.push(tokio::spawn(async move {
            let client = fixture.admin().await;
            let sql = if child % 3 == 0 {
                "INSERT INTO note (team_id) SELECT 1 FROM generate_series(1, 3)".to_owned()
            } else {
                format!("SELECT tenantry.quota_set_limit({}, 'notes', 3, 1)", 100 + child)
            };
            match client.batch_execute(&sql).await {
                Ok(()) => 1,
                refused => {
                    assert_eq!(code(refused), "53400");
                    0
                }
            }
        }));
    }
    let mut taken = 0;
    for taker in takers {
        taken += taker.await.unwrap();
    }
    let sql = "SELECT used + given FROM tenantry.quota_usage(1) WHERE resource = 'notes'";
    let all: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!((all, taken), (35, 10));
    fixture.is_exact(&client).await;
}
