//! A small application with a resource of every measure, isolated by the real plan, apply and complete.

use tenantry_blueprint::classify::classify;
use tenantry_blueprint::file::Blueprint;
use tenantry_blueprint::plan;
use tenantry_blueprint::registry::Registry;
use tenantry_engine::apply::{self, Options, Silent};
use tenantry_engine::credentials::Credentials;
use tenantry_engine::inspect;
use tenantry_model::TenantKey;
use tenantry_model::token::{ContextKey, SessionClaims};
use tenantry_pg::tokio_postgres::Error;
use tenantry_pg::{Client, Session, Target, connect_with};
use tenantry_testkit::{Database, postgres};

pub(crate) const SCHEMA: &str = include_str!("fixture.sql");
pub(crate) const REGISTRY: &str = include_str!("fixture.toml");

/// The database and what belongs to it.
pub(crate) struct Fixture {
    pub(crate) target: Target,
    pub(crate) blueprint: Blueprint,
    pub(crate) options: Options,
    db: Option<Database>,
    _folder: tempfile::TempDir,
}

/// How far the isolation goes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Until {
    Planned,
    Applied,
    Completed,
}

impl Fixture {
    pub(crate) async fn new(hint: &str) -> Self {
        let db = postgres(15).database(hint).await;
        Self::on(db.target(), Some(db), Until::Completed, SCHEMA).await
    }

    pub(crate) async fn until(hint: &str, until: Until) -> Self {
        let db = postgres(15).database(hint).await;
        Self::on(db.target(), Some(db), until, SCHEMA).await
    }

    pub(crate) async fn on(target: Target, db: Option<Database>, until: Until, schema: &str) -> Self {
        let client = plain(&target).await;
        client.batch_execute(schema).await.unwrap();
        let registry = Registry::parse(REGISTRY).unwrap();
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
        if until != Until::Planned {
            apply::apply(&target, &blueprint, &options, &Silent).await.unwrap_or_else(|e| panic!("{e}"));
        }
        if until == Until::Completed {
            apply::complete(&target, &options, &Silent).await.unwrap_or_else(|e| panic!("{e}"));
        }
        Self { target, blueprint, options, db, _folder: folder }
    }

    /// The database, where the fixture has one.
    pub(crate) fn database(&self) -> &Database {
        self.db.as_ref().unwrap()
    }

    /// The superuser: past every policy, and past no guard.
    pub(crate) async fn admin(&self) -> Client {
        plain(&self.target).await
    }

    /// A login of the application, with its session bound.
    pub(crate) async fn runtime(&self) -> Runtime {
        let credentials = Credentials::read(&self.options.credentials).unwrap();
        let login = &credentials.logins[0];
        let client = plain(&self.target.with_login(&login.user, &login.password)).await;
        let session = client.query_one("SELECT tenantry.bind_session()", &[]).await.unwrap().get(0);
        let key = ContextKey::from_hex(credentials.signing_key.kid, &credentials.signing_key.key).unwrap();
        Runtime { client, key, session, counter: 0 }
    }

    /// What is counted of a resource for a tenant, and what is there: both in one statement, so of one moment.
    pub(crate) async fn used(&self, client: &Client, tenant: i64, resource: &str) -> i64 {
        let sql = "SELECT used FROM tenantry.quota_usage($1) WHERE resource = $2";
        client.query_one(sql, &[&tenant, &resource]).await.unwrap().get(0)
    }

    /// Everything counted is what is there, for every tenant and every resource but the monthly one.
    pub(crate) async fn is_exact(&self, client: &Client) {
        let sql = "
            WITH there AS (
              SELECT team_id::bigint AS tenant, 'notes' AS resource, count(*)::bigint AS units FROM note WHERE \"archivedAt\" IS NULL GROUP BY 1
              UNION ALL SELECT team_id, 'bytes', sum(greatest(bytes, 0)) FROM file GROUP BY 1
              UNION ALL SELECT tenantry_tenant_id, 'lines', count(*) FROM line GROUP BY 1
              UNION ALL SELECT team_id, 'visits', count(*) FROM visit GROUP BY 1)
            SELECT coalesce(t.tenant, u.tenant)::text || ' ' || coalesce(t.resource, u.resource), coalesce(t.units, 0)::bigint, coalesce(u.used, 0)::bigint
            FROM there t FULL JOIN (SELECT * FROM tenantry.quota_usage() WHERE measure <> 'monthly') u USING (tenant, resource)
            WHERE coalesce(t.units, 0) <> coalesce(u.used, 0) ORDER BY 1";
        let wrong: Vec<String> = client
            .query(sql, &[])
            .await
            .unwrap()
            .iter()
            .map(|r| format!("{}: {} there, {} counted", r.get::<_, String>(0), r.get::<_, i64>(1), r.get::<_, i64>(2)))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    pub(crate) async fn limit(&self, client: &Client, tenant: i64, resource: &str, max: Option<i64>) {
        client.execute("SELECT tenantry.quota_set_limit($1, $2, $3)", &[&tenant, &resource, &max]).await.unwrap();
    }
}

/// A login of the application.
pub(crate) struct Runtime {
    pub(crate) client: Client,
    key: ContextKey,
    session: i64,
    counter: i64,
}

impl Runtime {
    /// BEGIN, as a tenant.
    pub(crate) async fn begin(&mut self, tenant: i64) {
        self.counter += 1;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        let claims = SessionClaims {
            expires_at: now + 600,
            session_no: self.session,
            counter: self.counter,
            tenant: TenantKey::Bigint(tenant),
            scope: None,
        };
        let token = self.key.sign_session(&claims).unwrap();
        self.client.batch_execute("BEGIN").await.unwrap();
        self.client.execute("SELECT tenantry.enter($1::text)", &[&token]).await.unwrap();
    }
}

pub(crate) async fn plain(target: &Target) -> Client {
    connect_with(target, &Session::plain().with("search_path", "public")).await.unwrap()
}

/// SQLSTATE of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().code().map_or_else(String::new, |c| c.code().to_owned())
}
