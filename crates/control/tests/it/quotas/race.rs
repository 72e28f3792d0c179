//! The last ten units, and sixty-four that want one each, by every way there is at once.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Barrier;

use crate::application::Application;
use crate::scene::Scene;

const RACERS: usize = 64;

/// Whether it got its unit: over the API, by a reservation in SQL, or by a row.
async fn race(n: usize, scene: &Scene, app: &Application, tenant: &str, author: &str, barrier: &Barrier) -> bool {
    match n % 4 {
        0 | 1 => {
            let path = format!("/api/tenants/{tenant}/quota/reserve");
            barrier.wait().await;
            loop {
                let body = json!({ "resourceType": "segments" });
                let answer = scene.call("POST", &path).key(author).json(&body).send().await;
                match answer.status {
                    201 => return true,
                    429 => return false,
                    // no connection was free in time, or somebody held the counter: ask again, as a client would
                    409 | 503 => {}
                    other => panic!("{other}: {:?}", answer.body),
                }
            }
        }
        2 => {
            let client = app.admin().await;
            barrier.wait().await;
            let sql = "SELECT tenantry.quota_reserve($1::text::uuid, 'segments', 1, '1 hour')";
            let got = client.query_one(sql, &[&tenant]).await;
            assert!(got.is_ok() || got.as_ref().unwrap_err().code().map(|c| c.code()) == Some("53400"));
            got.is_ok()
        }
        _ => {
            let client = app.enter(tenant).await;
            barrier.wait().await;
            match client.batch_execute("INSERT INTO segment (name) VALUES ('raced')").await {
                Ok(()) => {
                    client.batch_execute("COMMIT").await.unwrap();
                    true
                }
                Err(refused) => {
                    assert_eq!(refused.code().map(|c| c.code()), Some("53400"));
                    client.batch_execute("ROLLBACK").await.unwrap();
                    false
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_that_race_for_ten_units_over_api_and_sql_ten_win() {
    let app = Arc::new(Application::new("raceapp").await);
    let scene = Arc::new(Scene::with_application("race", Some(app.login.clone())).await);
    let tenant = scene.tenant("acme").await;
    app.workspace(&tenant).await;
    scene.control.keep_quotas().await.unwrap();
    app.segments(&tenant, 40).await;
    let (_, author) = scene.key(&tenant, "Author").await;
    let barrier = Arc::new(Barrier::new(RACERS));
    let racers: Vec<_> = (0..RACERS)
        .map(|n| {
            let (app, scene, barrier) = (Arc::clone(&app), Arc::clone(&scene), Arc::clone(&barrier));
            let (tenant, author) = (tenant.clone(), author.clone());
            tokio::spawn(async move { race(n, &scene, &app, &tenant, &author, &barrier).await })
        })
        .collect();
    let mut won = 0;
    for racer in racers {
        won += i64::from(racer.await.unwrap());
    }
    assert_eq!(won, 10, "exactly ten");
    let (limit, used, reserved) = app.of(&tenant, "segments").await;
    assert_eq!((limit, used + reserved), (Some(50), 50));
    let rows = format!("SELECT count(*) FROM segment WHERE workspace_id = '{tenant}'");
    let rows: i64 = app.admin().await.query_one(&rows, &[]).await.unwrap().get(0);
    assert_eq!(rows, used, "what is counted is what is there");
}
