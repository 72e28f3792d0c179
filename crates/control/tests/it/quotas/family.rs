//! Tenants below others: nobody has what was not given to it, and all together have no more than their head.

use serde_json::{Value, json};

use crate::application::Application;
use crate::scene::{Answer, Scene};

struct Family {
    app: Application,
    scene: Scene,
    head: String,
    admin: String,
}

impl Family {
    async fn new(hint: &str) -> Self {
        let app = Application::new(&format!("{hint}app")).await;
        let scene = Scene::with_application(hint, Some(app.login.clone())).await;
        let head = scene.tenant("head").await;
        app.workspace(&head).await;
        scene.control.keep_quotas().await.unwrap();
        let (_, admin) = scene.key(&head, "Admin").await;
        Self { app, scene, head, admin }
    }

    async fn child(&self, slug: &str) -> String {
        let body = json!({ "name": slug, "slug": slug, "parentId": self.head });
        let made = self.scene.call("POST", "/api/tenants").key(&self.admin).json(&body).send().await;
        let id = made.is(201).text("id");
        self.app.workspace(&id).await;
        id
    }

    async fn put(&self, key: &str, tenant: &str, body: Value) -> Answer {
        self.scene.call("PUT", &format!("/api/tenants/{tenant}/quota")).key(key).json(&body).send().await
    }
}

#[tokio::test]
async fn children_have_what_they_were_given_and_never_more_than_there_is() {
    let family = Family::new("family").await;
    let (app, scene, head) = (&family.app, &family.scene, &family.head);
    let (one, two) = (family.child("child-one").await, family.child("child-two").await);
    // nothing from the first moment on, whatever its plan says
    assert_eq!(app.of(&one, "segments").await.0, Some(0));
    let refused =
        app.admin().await.batch_execute(&format!("INSERT INTO segment (workspace_id) VALUES ('{one}')")).await;
    assert_eq!(refused.unwrap_err().code().map(|c| c.code()), Some("53400"));

    let given = family.put(&family.admin, &one, json!({ "maxSegments": 30 })).await;
    assert_eq!(
        (&given.is(200).body["quota"]["maxSegments"], &given.body["state"]["sources"]["segments"]),
        (&json!(30), &json!("given"))
    );
    assert_eq!(app.of(&one, "segments").await.0, Some(30));
    let above = scene.operate("GET", &format!("/api/tenants/{head}/quota")).send().await;
    assert_eq!(above.is(200).body["state"]["given"]["segments"], 30);
    let over = family.put(&family.admin, &two, json!({ "maxSegments": 21 })).await;
    assert_eq!(over.is(409).code(), "STATE_CONFLICT");
    assert_eq!(app.of(&two, "segments").await.0, Some(0), "nothing of what was refused");
    family.put(&family.admin, &two, json!({ "maxSegments": 20 })).await.is(200);
    // what is used counts too: the application's database knows it
    family.put(&family.admin, &two, json!({ "maxSegments": 10 })).await.is(200);
    app.segments(head, 10).await;
    assert_eq!(family.put(&family.admin, &two, json!({ "maxSegments": 11 })).await.is(409).code(), "STATE_CONFLICT");
    let decided = scene.operate("GET", &format!("/api/tenants/{two}/quota")).send().await;
    assert_eq!(
        (&decided.is(200).body["quota"]["maxSegments"], &decided.body["state"]["written"]),
        (&json!(10), &json!(true))
    );
    // without a limit is more than anybody has
    family.put(&family.admin, &two, json!({ "maxSegments": null })).await.is(400);

    // what was given on cannot be taken from the head: by its quota, its plan, or another plan
    let less =
        scene.operate("PUT", &format!("/api/tenants/{head}/quota")).json(&json!({ "maxSegments": 39 })).send().await;
    assert_eq!(less.is(409).code(), "STATE_CONFLICT");
    let plan = scene.operate("GET", "/api/plans/free").send().await;
    let change = json!({ "limits": { "segments": 39 } });
    let less = scene.operate("PATCH", "/api/plans/free").header("if-match", &plan.etag()).json(&change).send().await;
    assert_eq!(less.is(409).code(), "STATE_CONFLICT");
    let small = json!({ "key": "small", "limits": { "segments": 1 } });
    scene.operate("POST", "/api/plans").json(&small).send().await.is(201);
    let now = scene.operate("GET", &format!("/api/tenants/{head}")).send().await;
    let body = json!({ "subscription": { "plan": "small" } });
    let less = scene.operate("PATCH", &format!("/api/tenants/{head}")).header("if-match", &now.etag()).json(&body);
    assert_eq!(less.send().await.is(409).code(), "STATE_CONFLICT");
    assert_eq!(app.of(head, "segments").await.0, Some(50));

    // given back, the head has it again
    scene.call("DELETE", &format!("/api/tenants/{one}/quota")).key(&family.admin).send().await.is(200);
    assert_eq!(app.of(&one, "segments").await.0, Some(0));
    family.put(&family.admin, &two, json!({ "maxSegments": 40 })).await.is(200);
}

#[tokio::test]
async fn nobody_gives_to_itself_or_to_others_children() {
    let family = Family::new("giving").await;
    let child = family.child("child").await;
    let (_, own) = family.scene.key(&child, "Admin").await;
    let body = || json!({ "maxSegments": 5 });
    assert_eq!(family.put(&own, &child, body()).await.is(403).code(), "FORBIDDEN");
    assert_eq!(family.put(&family.admin, &family.head, body()).await.is(403).code(), "FORBIDDEN");
    let (_, manager) = family.scene.key(&family.head, "WorkspaceManager").await;
    assert_eq!(family.put(&manager, &child, body()).await.is(403).code(), "FORBIDDEN");
    let other = family.scene.tenant("other").await;
    let (_, neighbour) = family.scene.key(&other, "Admin").await;
    assert_eq!(family.put(&neighbour, &child, body()).await.is(404).code(), "NOT_FOUND");
    family.put(&family.admin, &child, body()).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_are_given_at_once_get_no_more_than_there_is() {
    let family = Family::new("giverace").await;
    let mut children = Vec::new();
    for n in 0..6 {
        children.push(family.child(&format!("child-{}", ["a", "b", "c", "d", "e", "f"][n])).await);
    }
    let given = children.iter().map(|child| family.put(&family.admin, child, json!({ "maxSegments": 20 })));
    let answers = futures::future::join_all(given).await;
    // who found somebody else at it too long may be told to come again
    let won = answers.iter().filter(|a| a.status == 200).count();
    assert!(won <= 2 && answers.iter().all(|a| [200, 202, 409, 503].contains(&a.status)), "{won} got 20 of 50");
    family.scene.control.keep_quotas().await.unwrap();
    let mut all = 0;
    for child in &children {
        all += family.app.of(child, "segments").await.0.unwrap();
    }
    assert!((20..=40).contains(&all), "{all}");
}
