//! Putting the context in and taking it out, as superuser and as a managed service's administrator.

use tenantry_blueprint::context::{self, Options};
use tenantry_model::{Ident, KeyKind};
use tenantry_pg::{Session, connect, connect_with};

use crate::fixture::{Fixture, refusal, run_in_one_transaction};

const LEFT: &str = "SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = n.oid)
    + (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid) FROM pg_namespace n WHERE nspname = 'tenantry'";

#[tokio::test]
async fn an_administrator_without_superuser_puts_it_in_and_takes_it_out() {
    for major in tenantry_testkit::available() {
        let db = tenantry_testkit::postgres(major).database("install").await;
        let admin = db.login("admin", "CREATEROLE").await;
        let admin_role = Ident::new(db.role("admin")).unwrap();
        db.execute(&format!("ALTER DATABASE {} OWNER TO {}", db.name(), admin_role.quoted())).await;
        let client = connect(&admin).await.unwrap();
        let role = |name: &str| Ident::new(db.role(name)).unwrap();
        let (keeper, group, owner) = (role("tenantry"), role("rt"), role("owner"));
        for role in [&keeper, &group, &owner] {
            client.batch_execute(&format!("CREATE ROLE {} NOLOGIN", role.quoted())).await.unwrap();
        }
        client.batch_execute(&format!("GRANT {} TO {}", keeper.quoted(), admin_role.quoted())).await.unwrap();
        for kind in [KeyKind::Uuid, KeyKind::Integer, KeyKind::Bigint, KeyKind::Text] {
            let (callers, readers) = ([group.clone()], [owner.clone()]);
            let scope = Some(kind);
            let made =
                context::install(&Options { key: kind, scope, keeper: &keeper, callers: &callers, readers: &readers });
            run_in_one_transaction(&client, &made.up).await;
            let owners = "SELECT DISTINCT pg_get_userbyid(o)::text FROM (SELECT proowner o FROM pg_proc WHERE pronamespace = 'tenantry'::regnamespace
                UNION SELECT relowner FROM pg_class WHERE relnamespace = 'tenantry'::regnamespace UNION SELECT nspowner FROM pg_namespace WHERE nspname = 'tenantry') o";
            let owners: Vec<String> = client.query(owners, &[]).await.unwrap().iter().map(|r| r.get(0)).collect();
            assert_eq!(owners, [keeper.as_str()]);
            run_in_one_transaction(&client, &made.close_up).await;
            run_in_one_transaction(&client, &made.close_down).await;
            run_in_one_transaction(&client, &made.down).await;
            // down leaves the schema, where the journal is, and nothing of its own; twice does no harm
            assert_eq!(client.query_one(LEFT, &[]).await.unwrap().get::<_, i64>(0), 0);
            run_in_one_transaction(&client, &made.down).await;
        }
        client.batch_execute("DROP SCHEMA tenantry").await.unwrap();
        for role in [&keeper, &group, &owner] {
            client.batch_execute(&format!("DROP ROLE {}", role.quoted())).await.unwrap();
        }
        client.close().await;
    }
}

/// A writer from before, which knows nothing of tenantry: its column defaults run, until the doors close.
#[tokio::test]
async fn old_writers_need_no_right_for_the_lenient_default() {
    let fixture = Fixture::new(15).await;
    let db = &fixture.db;
    let old = db.login("old", "").await;
    let old_role = db.role("old");
    db.execute(&format!(
        "CREATE TABLE plain (id int, tenant uuid DEFAULT tenantry.tenant_id_or_null());
         GRANT INSERT, SELECT ON plain TO {old_role}, {}",
        db.role("rt")
    ))
    .await;
    let client = connect_with(&old, &Session::plain()).await.unwrap();
    let insert = "INSERT INTO plain (id) VALUES (1)";
    client.batch_execute(insert).await.expect("the default gives NULL");
    // it cannot name anything of the schema, and calls nothing else by any way
    let named = client.batch_execute("SELECT tenantry.tenant_id_or_null()").await.unwrap_err();
    assert_eq!(named.code().unwrap().code(), "42501");

    let mut session = fixture.session().await;
    session.begin(2).await;
    let shown = session.sql("INSERT INTO plain (id) VALUES (2) RETURNING tenant").await.unwrap();
    assert_eq!(shown, [fixture.tenants[2].to_string()]);
    session.sql("COMMIT").await.unwrap();

    let role = |name: &str| Ident::new(db.role(name)).unwrap();
    let (keeper, callers, readers) = (role("tenantry"), [role("rt")], [role("owner")]);
    let made = context::install(&Options {
        key: KeyKind::Uuid,
        scope: None,
        keeper: &keeper,
        callers: &callers,
        readers: &readers,
    });
    let admin = db.connect().await;
    run_in_one_transaction(&admin, &made.close_up).await;
    assert_eq!(client.batch_execute(insert).await.unwrap_err().code().unwrap().code(), "42501");
    session.sql("INSERT INTO plain (id) VALUES (3)").await.expect("the runtime keeps the right");
    run_in_one_transaction(&admin, &made.close_down).await;
    client.batch_execute(insert).await.expect("open again");
}

/// Roles with no business here get nothing at all.
#[tokio::test]
async fn strangers_may_not_even_look() {
    let fixture = Fixture::new(15).await;
    let stranger = fixture.db.login("stranger", "").await;
    let client = connect_with(&stranger, &Session::plain()).await.unwrap();
    let calls = ["tenant_id()", "bind_session()", "enter('x')", "leave()", "tenant_id_or_null()", "scope_id()"];
    for call in calls.into_iter().chain(["hold('x')", "release()"]) {
        let error = client.batch_execute(&format!("SELECT tenantry.{call}")).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{call}");
    }
    // the owner of the tables reads the context and cannot enter one
    fixture.db.execute(&format!("GRANT {} TO {}", fixture.db.role("owner"), fixture.db.role("stranger"))).await;
    let client = connect_with(&stranger, &Session::plain()).await.unwrap();
    assert_eq!(
        refusal(client.simple_query("SELECT tenantry.tenant_id()").await),
        "tenantry: no tenant context in this transaction"
    );
    for call in ["bind_session()", "enter('x')", "hold('x')", "release()"] {
        let error = client.batch_execute(&format!("SELECT tenantry.{call}")).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{call}");
    }
}
