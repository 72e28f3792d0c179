//! The database is the wall: what the API's own login sees, whatever the code above it forgets.

use tenantry_control::Control;
use tenantry_pg::{Client, Session, connect_with};

use crate::scene::Scene;

/// The API's login, which the control plane itself uses.
async fn api(scene: &Scene) -> Client {
    let name = format!("{}_control_api", scene.database.name());
    scene.database.execute(&format!("ALTER ROLE \"{name}\" PASSWORD 'test-only'")).await;
    connect_with(&scene.database.target().with_login(&name, "test-only"), &Session::tool()).await.unwrap()
}

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

const TABLES: [&str; 4] = ["tenant", "slug_claim", "api_key", "audit_entry"];

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let scene = Scene::new("sql").await;
    let client = api(&scene).await;
    for sql in Control::statements() {
        let prepared = client.prepare(sql.text).await;
        prepared.unwrap_or_else(|e| panic!("{}: {}", sql.doing, tenantry_pg::in_plain_words(&e)));
    }
}

#[tokio::test]
async fn a_transaction_sees_one_tenant_and_without_the_policy_all() {
    let scene = Scene::new("wall").await;
    let (a, b) = (scene.tenant("aa").await, scene.tenant("bb").await);
    scene.key(&a, "Admin").await;
    scene.key(&b, "Admin").await;
    let client = api(&scene).await;
    for table in TABLES {
        let sql = format!("SELECT count(*) FROM tenantry_control.{table}");
        assert_eq!(count(&client, &sql).await, 0, "{table} without a tenant");
        client.batch_execute(&format!("BEGIN; SET LOCAL tenantry_control.tenant = '{a}'")).await.unwrap();
        let own = count(&client, &sql).await;
        let column = if table == "tenant" { "id" } else { "tenant_id" };
        let foreign = format!("{sql} WHERE {column} = '{b}'");
        assert_eq!(count(&client, &foreign).await, 0, "{table}");
        assert!(own > 0, "{table}");
        client.batch_execute("ROLLBACK").await.unwrap();
        scene.database.execute(&format!("DROP POLICY own_tenant ON tenantry_control.{table}")).await;
        client.batch_execute(&format!("BEGIN; SET LOCAL tenantry_control.tenant = '{a}'")).await.unwrap();
        assert!(count(&client, &foreign).await > 0, "nobody misses the policy of {table}");
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn the_login_owns_nothing_and_forgets_nothing() {
    let scene = Scene::new("rights").await;
    let a = scene.tenant("aa").await;
    let client = api(&scene).await;
    for sql in [
        "DELETE FROM tenantry_control.audit_entry",
        "UPDATE tenantry_control.audit_entry SET action = 'x'",
        "TRUNCATE tenantry_control.audit_entry",
        "ALTER TABLE tenantry_control.tenant DISABLE ROW LEVEL SECURITY",
        "DROP POLICY own_tenant ON tenantry_control.tenant",
        "SELECT tenantry_control.protect('tenantry_control.tenant', 'true', 'ALL')",
        "DELETE FROM tenantry_control.tenant",
        "CREATE TABLE tenantry_control.mine (id int)",
    ] {
        let role = format!("SET ROLE \"{}_control_operator\"", scene.database.name());
        for setting in ["RESET ROLE", &role] {
            client.batch_execute(setting).await.unwrap();
            let refused = client.batch_execute(sql).await.unwrap_err();
            assert_eq!(refused.code().map(|c| c.code()), Some("42501"), "{sql}");
        }
    }
    // a tenant's transaction writes nothing for another
    client.batch_execute("RESET ROLE").await.unwrap();
    let b = scene.tenant("bb").await;
    client.batch_execute(&format!("BEGIN; SET LOCAL tenantry_control.tenant = '{a}'")).await.unwrap();
    let forged = format!(
        "INSERT INTO tenantry_control.api_key (id, tenant_id, name, role, secret_hash, created_by)
         VALUES ('000000000000', '{b}', 'x', 'Admin', sha256('x'), 'x')"
    );
    assert_eq!(client.batch_execute(&forged).await.unwrap_err().code().map(|c| c.code()), Some("42501"));
    client.batch_execute("ROLLBACK").await.unwrap();
    // every table of the schema has its wall
    let bare =
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'tenantry_control'::regnamespace AND relkind IN ('r', 'p')
                AND relname <> 'migration' AND NOT (relrowsecurity AND relforcerowsecurity)";
    let owner = scene.database.connect().await;
    assert_eq!(count(&owner, bare).await, 0);
}

#[tokio::test]
async fn a_search_among_many_tenants_uses_its_index() {
    let scene = Scene::new("many").await;
    let many = "INSERT INTO tenantry_control.tenant
                    (id, key, slug, name, plan, subscription_status, isolation_strategy, type, path, status)
                SELECT id, id, 'tenant-' || n, 'Company ' || md5(n::text), 'free', 'active', 'shared', 'Root', ARRAY[id], 'active'
                FROM (SELECT gen_random_uuid() id, n FROM generate_series(1, 100000) n) t";
    scene.database.execute(&format!("{many}; ANALYZE tenantry_control.tenant")).await;
    let client = api(&scene).await;
    let role = format!("SET ROLE \"{}_control_operator\"", scene.database.name());
    client.batch_execute(&role).await.unwrap();
    let list = Control::statements().into_iter().find(|s| s.doing == "search the tenants").unwrap();
    // the values are in sight when it is planned, as they are when the pool asks
    let values = ["NULL", "NULL", "NULL", "NULL", "NULL", "51", "'c4ca4238a0b923820dcc509a6f75849b:*'"];
    let text = values.iter().enumerate().fold(list.text.to_owned(), |t, (n, v)| t.replace(&format!("${}", n + 1), v));
    let rows = client.query(&format!("EXPLAIN {text}"), &[]).await.unwrap();
    let plan: String = rows.iter().map(|r| r.get::<_, String>(0) + "\n").collect();
    assert!(plan.contains("tenant_search"), "{plan}");
    let many = Control::statements().into_iter().find(|s| s.doing == "look whether many tenants are meant").unwrap();
    let text = many.text.replace("$1", "'c4ca4238a0b923820dcc509a6f75849b:*'");
    let rows = client.query(&format!("EXPLAIN {text}"), &[]).await.unwrap();
    let plan: String = rows.iter().map(|r| r.get::<_, String>(0) + "\n").collect();
    assert!(plan.contains("tenant_search"), "{plan}");
    let found = scene.operate("GET", "/api/tenants?search=c4ca4238a0b923820dcc509a6f75849b").send().await;
    assert_eq!(found.is(200).body["items"][0]["slug"], "tenant-1");
    // what many have is found too, page by page
    let many = scene.operate("GET", "/api/tenants?search=company&pageSize=200").send().await;
    let page = many.is(200).body["items"].as_array().unwrap().len();
    assert!(page == 200 && many.body["nextPageToken"].is_string());
    let next = format!("/api/tenants?search=company&pageSize=200&pageToken={}", many.text("nextPageToken"));
    let next = scene.operate("GET", &next).send().await;
    assert!(next.is(200).body["items"][0]["id"].as_str() > many.body["items"][199]["id"].as_str());
    scene.operate("GET", "/api/tenants?pageSize=200").send().await.is(200);
    let control = Control::start(scene.settings.clone()).await.unwrap();
    let all = control.directory_if_changed(0).await.unwrap().unwrap();
    assert_eq!(all.tenants, 100_000);
}
