//! A small application with a resource of every measure, isolated by the real plan, apply and complete, and the login
//! with which the control plane enters it.

use tenantry_blueprint::classify::classify;
use tenantry_blueprint::plan;
use tenantry_blueprint::registry::Registry;
use tenantry_engine::apply::{self, Options, Silent};
use tenantry_engine::credentials::Credentials;
use tenantry_engine::inspect;
use tenantry_model::TenantKey;
use tenantry_model::token::{ContextKey, SessionClaims};
use tenantry_pg::{Client, Session, Target, connect_with};
use tenantry_testkit::{Database, postgres};

pub(crate) struct Application {
    pub(crate) db: Database,
    /// The control plane's login.
    pub(crate) login: Target,
    credentials: Credentials,
}

impl Application {
    pub(crate) async fn new(hint: &str) -> Self {
        let db = postgres(15).database(hint).await;
        db.execute(include_str!("application.sql")).await;
        let registry = Registry::parse(include_str!("application.toml")).unwrap();
        let client = db.connect().await;
        let catalog = inspect::read(&client).await.unwrap();
        client.close().await;
        let blueprint = plan::plan(&catalog, &classify(&catalog, &registry), &registry, &plan::Options::default());
        let open: Vec<_> = blueprint.blocking().collect();
        assert!(open.is_empty(), "{open:#?}");
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            credentials: folder.path().join("credentials.json"),
            allow_old_server: true,
            lock_out_old_logins: true,
            disconnect: true,
            ..Options::default()
        };
        apply::apply(&db.target(), &blueprint, &options, &Silent).await.unwrap_or_else(|e| panic!("{e}"));
        apply::complete(&db.target(), &options, &Silent).await.unwrap_or_else(|e| panic!("{e}"));
        let group = blueprint.roles.quota.as_ref().unwrap().quoted();
        let login = db.login("control", &format!("IN ROLE {group}")).await;
        let credentials = Credentials::read(&options.credentials).unwrap();
        Self { db, login, credentials }
    }

    /// The superuser: past every policy, and past no guard.
    pub(crate) async fn admin(&self) -> Client {
        connect_with(&self.db.target(), &Session::plain()).await.unwrap()
    }

    /// Makes a tenant's row.
    pub(crate) async fn workspace(&self, tenant: &str) {
        self.db.execute(&format!("INSERT INTO workspace VALUES ('{tenant}', 'of a test')")).await;
    }

    /// Makes so many segments of a tenant.
    pub(crate) async fn segments(&self, tenant: &str, count: i64) {
        let sql = format!("INSERT INTO segment (workspace_id) SELECT '{tenant}' FROM generate_series(1, {count})");
        self.db.execute(&sql).await;
    }

    /// Limit, use and what is reserved of a resource, as the database has it.
    pub(crate) async fn of(&self, tenant: &str, resource: &str) -> (Option<i64>, i64, i64) {
        let client = self.admin().await;
        let sql = "SELECT max_units, used, reserved FROM tenantry.quota_usage($1::text::uuid) WHERE resource = $2";
        let row = client.query_one(sql, &[&tenant, &resource]).await.unwrap();
        client.close().await;
        (row.get(0), row.get(1), row.get(2))
    }

    /// A login of the application, in a transaction of this tenant.
    pub(crate) async fn enter(&self, tenant: &str) -> Client {
        let login = &self.credentials.logins[0];
        let target = self.db.target().with_login(&login.user, &login.password);
        let client = connect_with(&target, &Session::plain().with("search_path", "public")).await.unwrap();
        let session_no = client.query_one("SELECT tenantry.bind_session()", &[]).await.unwrap().get(0);
        let signing = &self.credentials.signing_key;
        let key = ContextKey::from_hex(signing.kid, &signing.key).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        let tenant = TenantKey::parse(tenantry_model::KeyKind::Uuid, tenant).unwrap();
        let claims = SessionClaims { expires_at: now + 600, session_no, counter: 1, tenant, scope: None };
        let token = key.sign_session(&claims).unwrap();
        client.batch_execute("BEGIN").await.unwrap();
        client.execute("SELECT tenantry.enter($1::text)", &[&token]).await.unwrap();
        client
    }
}
