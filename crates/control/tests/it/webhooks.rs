//! Events on their way to endpoints: signed, in order, again after a failure, never inside our networks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tenantry_control::ablation::{Protection, REMOVED};
use tenantry_control::{Control, WebhookSettings};

use crate::scene::Scene;

/// What an endpoint received.
type Received = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// An endpoint that answers what it is told to, then 204.
struct Endpoint {
    at: SocketAddr,
    received: Received,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Endpoint {
    async fn open() -> Self {
        let (received, answers) = (Received::default(), Arc::new(Mutex::new(Vec::new())));
        let state = (Arc::clone(&received), Arc::clone(&answers));
        let app = Router::new().route("/hook", post(take)).with_state(state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { at, received, answers }
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.at)
    }

    fn will_answer(&self, statuses: &[u16]) {
        *self.answers.lock().unwrap() = statuses.iter().rev().copied().collect();
    }

    fn take(&self) -> Vec<(HeaderMap, Bytes)> {
        std::mem::take(&mut self.received.lock().unwrap())
    }

    /// The types of what came.
    fn types(&self) -> Vec<String> {
        self.take().iter().map(|(_, body)| event(body)["type"].as_str().unwrap().to_owned()).collect()
    }
}

#[allow(clippy::type_complexity, reason = "two lists")]
async fn take(
    State((received, answers)): State<(Received, Arc<Mutex<Vec<u16>>>)>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1]) {
    received.lock().unwrap().push((headers, body));
    let status = answers.lock().unwrap().pop().unwrap_or(204);
    (StatusCode::from_u16(status).unwrap(), [("location", "/elsewhere")])
}

fn event(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

/// Whether one of the signatures is that of this secret.
fn is_signed(secret: &str, (headers, body): &(HeaderMap, Bytes)) -> bool {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.", text("webhook-id"), text("webhook-timestamp")).as_bytes());
    mac.update(body);
    let ours = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    text("webhook-signature").split(' ').any(|given| given == ours)
}

fn loopback(retries: &[u64]) -> WebhookSettings {
    WebhookSettings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        retries: retries.iter().map(|s| Duration::from_secs(*s)).collect(),
        within: Duration::from_secs(5),
        ..WebhookSettings::default()
    }
}

async fn hooked(hint: &str, retries: &[u64]) -> (Scene, Control) {
    Scene::with_settings(hint, |settings| settings.webhooks = loopback(retries)).await
}

async fn deliveries(scene: &Scene, place: &str) -> Vec<Value> {
    let list = scene.operate("GET", &format!("{place}/deliveries")).send().await;
    list.is(200).body["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn events_arrive_signed_and_in_order_and_at_whom_they_concern() {
    let (scene, control) = hooked("hooks", &[0]).await;
    let (all, own) = (Endpoint::open().await, Endpoint::open().await);
    let body = json!({ "url": all.url() });
    let made = scene.operate("POST", "/api/webhooks").json(&body).send().await;
    let secret = made.is(201).text("secret");
    let place = made.headers["location"].to_str().unwrap().to_owned();
    let read = scene.operate("GET", &place).send().await;
    assert!(read.is(200).body.get("secret").is_none() && read.body["eventTypes"] == json!(["*"]));

    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    let body = json!({ "url": own.url(), "eventTypes": ["tenantry.tenant.*"], "description": "mine" });
    let (_, admin) = scene.key(&a, "Admin").await;
    let hooks = format!("/api/tenants/{a}/webhooks");
    let of_tenant = scene.call("POST", &hooks).key(&admin).json(&body).send().await;
    let own_secret = of_tenant.is(201).text("secret");
    for tenant in [&b, &a] {
        scene.operate("POST", &format!("/api/tenants/{tenant}/suspend")).send().await.is(200);
        scene.operate("POST", &format!("/api/tenants/{tenant}/resume")).send().await.is(200);
    }
    control.deliver().await.unwrap();
    let got = all.take();
    let types: Vec<_> = got.iter().map(|(_, body)| event(body)["type"].as_str().unwrap().to_owned()).collect();
    let (s, r) = ("tenantry.tenant.suspended", "tenantry.tenant.resumed");
    assert_eq!(types, ["tenantry.tenant.created", "tenantry.tenant.created", s, r, s, r]);
    assert!(got.iter().all(|message| is_signed(&secret, message) && !is_signed(&own_secret, message)));
    let (headers, first) = &got[0];
    let first = event(first);
    assert_eq!((&first["specversion"], &first["tenantid"]), (&json!("1.0"), &json!(a)));
    assert_eq!(
        (headers["webhook-id"].to_str().unwrap(), &first["data"]["slug"]),
        (first["id"].as_str().unwrap(), &json!("aa"))
    );
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    // the tenant hears of itself alone, and not of what was before
    let got = own.take();
    assert!(got.iter().all(|m| is_signed(&own_secret, m) && event(&m.1)["tenantid"] == json!(a)));
    assert_eq!(got.len(), 2);
    assert_eq!(control.deliver().await.unwrap(), 0, "nothing is sent twice");
    assert!(deliveries(&scene, &place).await.iter().all(|d| d["status"] == "delivered" && d["lastStatus"] == 204));

    // what was rolled back is told to nobody
    scene.operate("POST", "/api/tenants").json(&json!({ "name": "x", "slug": "aa" })).send().await.is(409);
    assert_eq!(control.deliver().await.unwrap(), 0);
    // of the secret the database has nothing
    let client = scene.database.connect().await;
    let sql = "SELECT string_agg(w::text, ' ') FROM tenantry_control.webhook w";
    let rows: String = client.query_one(sql, &[]).await.unwrap().get(0);
    assert!(!rows.contains(&secret[6..]) && rows.contains(&all.url()));
}

#[tokio::test]
async fn a_failure_is_tried_again_dead_in_the_end_and_replayed_by_hand() {
    let (scene, control) = hooked("retry", &[0, 0]).await;
    let endpoint = Endpoint::open().await;
    let made = scene.operate("POST", "/api/webhooks").json(&json!({ "url": endpoint.url() })).send().await;
    let place = made.is(201).headers["location"].to_str().unwrap().to_owned();
    scene.tenant("aa").await;
    // a redirect is no delivery, and is not followed
    endpoint.will_answer(&[500, 302]);
    control.deliver().await.unwrap();
    let got = endpoint.take();
    assert_eq!(got.len(), 3);
    assert!(got.iter().all(|m| m.0["webhook-id"] == got[0].0["webhook-id"]), "the same id at each try");
    let seen = &deliveries(&scene, &place).await[0];
    assert_eq!((&seen["status"], &seen["attempts"]), (&json!("delivered"), &json!(3)));

    endpoint.will_answer(&[500, 400, 500]);
    scene.tenant("bb").await;
    control.deliver().await.unwrap();
    let seen = &deliveries(&scene, &place).await[0];
    assert_eq!((&seen["status"], &seen["lastError"]), (&json!("dead"), &json!("status")));
    assert_eq!(
        scene.operate("GET", &format!("{place}/deliveries?status=dead")).send().await.body["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    endpoint.take();
    let again = format!("{place}/deliveries/{}/replay", seen["id"].as_str().unwrap());
    scene.operate("POST", &again).send().await.is(202);
    assert_eq!(control.deliver().await.unwrap(), 1);
    assert_eq!(endpoint.types(), ["tenantry.tenant.created"]);
    assert_eq!(deliveries(&scene, &place).await[0]["status"], "delivered");

    let tested = scene.operate("POST", &format!("{place}/test")).send().await;
    assert!(tested.is(202).body["eventId"].is_string());
    control.deliver().await.unwrap();
    assert_eq!(endpoint.types(), ["tenantry.webhook.test"]);
}

#[tokio::test]
async fn one_that_fails_holds_those_after_it_and_is_overtaken_in_the_end() {
    let (scene, control) = hooked("order", &[0, 0, 3_600]).await;
    let endpoint = Endpoint::open().await;
    scene.operate("POST", "/api/webhooks").json(&json!({ "url": endpoint.url() })).send().await.is(201);
    scene.tenant("aa").await;
    scene.tenant("bb").await;
    endpoint.will_answer(&[500, 500, 500]);
    control.deliver().await.unwrap();
    let slugs: Vec<_> =
        endpoint.take().iter().map(|m| event(&m.1)["data"]["slug"].as_str().unwrap().to_owned()).collect();
    assert_eq!(slugs, ["aa", "aa", "aa", "bb"]);
}

#[tokio::test]
async fn a_secret_is_rotated_with_an_overlap() {
    let (scene, control) = hooked("rotate", &[0]).await;
    let endpoint = Endpoint::open().await;
    let made = scene.operate("POST", "/api/webhooks").json(&json!({ "url": endpoint.url() })).send().await;
    let (first, place) = (made.is(201).text("secret"), made.headers["location"].to_str().unwrap().to_owned());
    let second = scene.operate("POST", &format!("{place}/rotate")).send().await.is(200).text("secret");
    assert_ne!(first, second);
    scene.tenant("aa").await;
    control.deliver().await.unwrap();
    let got = endpoint.take();
    assert!(is_signed(&first, &got[0]) && is_signed(&second, &got[0]));
    let now = json!({ "overlapSeconds": 0 });
    let third = scene.operate("POST", &format!("{place}/rotate")).json(&now).send().await.is(200).text("secret");
    scene.tenant("bb").await;
    control.deliver().await.unwrap();
    let got = endpoint.take();
    assert!(!is_signed(&second, &got[0]) && is_signed(&third, &got[0]));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_or_fails_for_days_is_disabled() {
    let (scene, control) = hooked("gone", &[0]).await;
    let endpoint = Endpoint::open().await;
    let made = scene.operate("POST", "/api/webhooks").json(&json!({ "url": endpoint.url() })).send().await;
    let place = made.is(201).headers["location"].to_str().unwrap().to_owned();
    endpoint.will_answer(&[410]);
    scene.tenant("aa").await;
    control.deliver().await.unwrap();
    let seen = scene.operate("GET", &place).send().await;
    assert_eq!((&seen.is(200).body["enabled"], endpoint.take().len()), (&json!(false), 1));
    assert!(seen.text("disabledReason").contains("410"));
    assert_eq!(control.deliver().await.unwrap(), 0);
    // one that was switched on again goes on with what waits
    let on = json!({ "enabled": true });
    scene.operate("PATCH", &place).json(&on).send().await.is(428);
    let on = scene.operate("PATCH", &place).header("if-match", &seen.etag()).json(&on).send().await;
    assert_eq!((&on.is(200).body["enabled"], &on.body["disabledReason"]), (&json!(true), &Value::Null));
    control.deliver().await.unwrap();
    assert_eq!(endpoint.types(), ["tenantry.tenant.created"]);
    // failing since long ago: the next failure is the last
    endpoint.will_answer(&[500]);
    let client = scene.database.connect().await;
    client
        .batch_execute("UPDATE tenantry_control.webhook SET failing_since = now() - interval '6 days'")
        .await
        .unwrap();
    scene.tenant("bb").await;
    control.deliver().await.unwrap();
    assert_eq!(scene.operate("GET", &place).send().await.body["enabled"], json!(false));
    let sql = "SELECT count(*) FROM tenantry_control.audit_entry WHERE action = 'WEBHOOK_DISABLED'";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 2);
}

#[tokio::test]
async fn nothing_inside_our_networks_is_reached_and_without_the_check_it_is() {
    // H-36: made while it was allowed; later the operator allows nothing
    let (scene, _) = hooked("ssrf", &[]).await;
    let endpoint = Endpoint::open().await;
    let made = scene.operate("POST", "/api/webhooks").json(&json!({ "url": endpoint.url() })).send().await;
    let place = made.is(201).headers["location"].to_str().unwrap().to_owned();
    let mut settings = scene.settings.clone();
    settings.webhooks.allow.clear();
    let strict = Control::start(settings).await.unwrap();
    scene.tenant("aa").await;
    strict.deliver().await.unwrap();
    assert_eq!(
        (endpoint.take().len(), &deliveries(&scene, &place).await[0]["lastError"]),
        (0, &json!("address-refused"))
    );
    // a name that leads inside is refused where it is connected to
    let sql = format!("UPDATE tenantry_control.webhook SET url = 'https://localhost:{}/hook'", endpoint.at.port());
    scene.database.connect().await.batch_execute(&sql).await.unwrap();
    scene.tenant("bb").await;
    strict.deliver().await.unwrap();
    assert_eq!(deliveries(&scene, &place).await[0]["lastError"], json!("address-refused"));
    let back = format!("UPDATE tenantry_control.webhook SET url = '{}'", endpoint.url());
    scene.database.connect().await.batch_execute(&back).await.unwrap();
    scene.tenant("cc").await;
    REMOVED.scope(Protection::WebhookReach, strict.deliver()).await.unwrap();
    assert_eq!(endpoint.take().len(), 1, "nobody misses the check");
}

#[tokio::test]
async fn a_message_that_somebody_else_wrote_is_known_by_its_signature() {
    let (scene, control) = hooked("forged", &[0]).await;
    let endpoint = Endpoint::open().await;
    let made = scene.operate("POST", "/api/webhooks").json(&json!({ "url": endpoint.url() })).send().await;
    let secret = made.is(201).text("secret");
    scene.tenant("aa").await;
    control.deliver().await.unwrap();
    let (headers, body) = endpoint.take().remove(0);
    assert!(is_signed(&secret, &(headers.clone(), body.clone())));
    // another tenant in the body, another time, another id
    let other = Bytes::from(String::from_utf8_lossy(&body).replace("\"aa\"", "\"bb\""));
    assert!(!is_signed(&secret, &(headers.clone(), other)));
    for name in ["webhook-id", "webhook-timestamp"] {
        let mut later = headers.clone();
        later.insert(name, "1999999999".parse().unwrap());
        assert!(!is_signed(&secret, &(later, body.clone())), "{name}");
    }
    scene.tenant("bb").await;
    REMOVED.scope(Protection::WebhookSignature, control.deliver()).await.unwrap();
    assert!(!is_signed(&secret, &endpoint.take()[0]), "nobody misses the signature");
}

#[tokio::test]
async fn two_control_planes_send_each_event_once() {
    let (scene, first) = hooked("two", &[0]).await;
    let second = Control::start(scene.settings.clone()).await.unwrap();
    let endpoint = Endpoint::open().await;
    scene.operate("POST", "/api/webhooks").json(&json!({ "url": endpoint.url() })).send().await.is(201);
    for n in 0..20_usize {
        scene.tenant(&format!("team-{}", "a".repeat(n + 1))).await;
    }
    let both = async { tokio::join!(first.deliver(), second.deliver()) };
    let (a, b) = both.await;
    let late = first.deliver().await.unwrap() + second.deliver().await.unwrap();
    assert_eq!(a.unwrap() + b.unwrap() + late, 20);
    assert_eq!(endpoint.take().len(), 20);
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let (scene, _) = hooked("bad", &[0]).await;
    for (body, field) in [
        (json!({}), "url"),
        (json!({ "url": "https://169.254.169.254/latest" }), "url"),
        (json!({ "url": "http://10.0.0.1/" }), "url"),
        (json!({ "url": "ftp://example.com/" }), "url"),
        (json!({ "url": "https://u:p@example.com/" }), "url"),
        (json!({ "url": "https://example.com/", "eventTypes": [] }), "eventTypes"),
        (json!({ "url": "https://example.com/", "eventTypes": ["a b"] }), "eventTypes"),
        (json!({ "url": "https://example.com/", "description": "x".repeat(201) }), "description"),
        (json!({ "url": "https://example.com/", "secret": "mine" }), "secret"),
    ] {
        let refused = scene.operate("POST", "/api/webhooks").json(&body).send().await;
        assert!(refused.is(400).text("detail").contains(field), "{body}: {:?}", refused.body);
    }
    // one tenant's webhook is nobody else's
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    let body = json!({ "url": "https://example.com/" });
    let made = scene.operate("POST", &format!("/api/tenants/{a}/webhooks")).json(&body).send().await;
    let id = made.is(201).text("id");
    let (_, other) = scene.key(&b, "Admin").await;
    for (method, path) in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate"), ("GET", "/deliveries")] {
        for place in [format!("/api/tenants/{b}/webhooks/{id}{path}"), format!("/api/tenants/{a}/webhooks/{id}{path}")]
        {
            scene.call(method, &place).key(&other).json(&json!({})).send().await.is(404);
        }
        scene.operate(method, &format!("/api/webhooks/{id}{path}")).json(&json!({})).send().await.is(404);
    }
    for n in 0..20 {
        let made = scene.operate("POST", "/api/webhooks").json(&body).send().await;
        assert_eq!(made.status, 201, "{n}");
    }
    assert_eq!(scene.operate("POST", "/api/webhooks").json(&body).send().await.is(409).code(), "STATE_CONFLICT");
}
