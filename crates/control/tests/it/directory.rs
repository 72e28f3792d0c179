//! What gateway and proxy are told.

use serde_json::{Value, json};
use tenantry_control::Control;
use tenantry_edge::directory::file::DirectoryFile;

use crate::scene::Scene;

#[tokio::test]
async fn what_is_committed_is_published_in_the_form_the_edge_reads() {
    let scene = Scene::new("publish").await;
    let control = Control::start(scene.settings.clone()).await.unwrap();
    let empty = control.directory_if_changed(0).await.unwrap().unwrap();
    assert_eq!((empty.tenants, DirectoryFile::parse(&empty.text).unwrap().tenants.len()), (0, 0));
    assert_eq!(control.directory_if_changed(empty.generation).await.unwrap(), None);

    let acme = scene.tenant("acme").await;
    let (id, key) = scene.key(&acme, "Admin").await;
    let next = control.directory_if_changed(empty.generation).await.unwrap().unwrap();
    assert!(next.generation > empty.generation && !next.text.contains(&key));
    let file = DirectoryFile::parse(&next.text).unwrap();
    file.snapshot(1).unwrap();
    assert_eq!(file.tenants[0].credentials[0].id, id);

    // what is refused or taken back changes nothing
    scene.operate("POST", "/api/tenants").json(&json!({ "name": "x", "slug": "acme" })).send().await.is(409);
    assert_eq!(control.directory_if_changed(next.generation).await.unwrap(), None);

    scene.operate("POST", &format!("/api/tenants/{acme}/suspend")).send().await.is(200);
    let path = format!("/api/tenants/{acme}/keys/{id}");
    scene.operate("DELETE", &path).send().await.is(204);
    let last = control.directory_if_changed(next.generation).await.unwrap().unwrap();
    let value: Value = serde_json::from_str(&last.text).unwrap();
    assert_eq!(value["tenants"][0]["state"], "suspended");
    assert!(value["tenants"][0].get("credentials").is_none());
}
