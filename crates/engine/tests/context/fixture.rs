//! A database with the context installed, one protected table and three tenants; sessions that enter and attack.

use tenantry_blueprint::context::{self, ADD_KEY, Options};
use tenantry_model::token::{ContextKey, SessionClaims, StatelessClaims, TypedToken};
use tenantry_model::{Ident, KeyKind, TenantKey};
use tenantry_pg::tokio_postgres::{Error, SimpleQueryMessage};
use tenantry_pg::{Client, Session as Settings, Target, connect_with};
use tenantry_testkit::Database;

/// Far enough ahead for any test, near enough to be a time.
const SOON: i64 = 3_600;
/// Longer than the database accepts, so that tests can ask for too much.
const SOON_STATELESS: i64 = 45;

/// A database with `notes(tenant, scope, body)`, protected as the plan protects tables.
pub(crate) struct Fixture {
    pub(crate) db: Database,
    pub(crate) key: ContextKey,
    pub(crate) runtime: Target,
    pub(crate) tenants: Vec<TenantKey>,
    pub(crate) scopes: Vec<TenantKey>,
}

/// Three keys of a kind; none is a prefix or a number of another by accident.
pub(crate) fn keys(kind: KeyKind) -> Vec<TenantKey> {
    let texts: [&str; 3] = match kind {
        KeyKind::Uuid => [
            "ffffffff-ffff-4fff-bfff-ffffffffffff",
            "00000000-0000-4000-8000-000000000001",
            "7fffffff-ffff-4fff-8fff-fffffffffffe",
        ],
        KeyKind::Integer => ["2147483647", "-2147483648", "7"],
        KeyKind::Bigint => ["9223372036854775807", "-9223372036854775808", "0"],
        KeyKind::Text => [
            "cm3x7y9k20000v8l4h1r5q2wz",
            "é'\"\\.$; -- ",
            "0123456789012345678901234567890123456789012345678901234567890123",
        ],
    };
    texts.map(|text| TenantKey::parse(kind, text).expect("a key of this kind")).to_vec()
}

impl Fixture {
    /// With a uuid key and no scope.
    pub(crate) async fn new(major: u32) -> Self {
        Self::of(major, KeyKind::Uuid, None).await
    }

    /// With any kind of key and scope.
    pub(crate) async fn of(major: u32, kind: KeyKind, scope: Option<KeyKind>) -> Self {
        let db = tenantry_testkit::postgres(major).database("ctx").await;
        let role = |name: &str| Ident::new(db.role(name)).expect("a short name");
        let (keeper, owner, group) = (role("tenantry"), role("owner"), role("rt"));
        for role in [&keeper, &owner, &group] {
            db.execute(&format!("CREATE ROLE {} NOLOGIN", role.quoted())).await;
        }
        let runtime = db.login("slot", &format!("IN ROLE {}", group.quoted())).await;

        let admin = db.connect().await;
        let callers = [group.clone()];
        let readers = [owner.clone()];
        let installed =
            context::install(&Options { key: kind, scope, keeper: &keeper, callers: &callers, readers: &readers });
        run_in_one_transaction(&admin, &installed.up).await;
        let key = ContextKey::new(1, std::array::from_fn(|i| i as u8)).expect("a key");
        let pads = key.pads();
        admin.execute(ADD_KEY, &[&key.kid(), &&pads.ipad[..], &&pads.opad[..]]).await.expect("the key is stored");

        let (tenants, scopes) = (keys(kind), scope.map(keys).unwrap_or_default());
        let (tenant_type, scope_type) = (kind.sql_type(), scope.unwrap_or(KeyKind::Text).sql_type());
        let tenant_id = kind.context_function();
        db.execute(&format!(
            "CREATE TABLE notes (tenant {tenant_type} NOT NULL DEFAULT tenantry.{tenant_id}(), scope {scope_type}, body text);
             ALTER TABLE notes OWNER TO {owner};
             REVOKE TEMPORARY, CREATE ON DATABASE {name} FROM PUBLIC;
             GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {group};
             CREATE POLICY tenantry_base ON notes TO PUBLIC USING (true) WITH CHECK (true);
             CREATE POLICY tenantry_tenant ON notes AS RESTRICTIVE TO PUBLIC
               USING (tenant = tenantry.{tenant_id}()) WITH CHECK (tenant = (SELECT tenantry.{tenant_id}()));
             ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY;",
            owner = owner.quoted(),
            group = group.quoted(),
            name = Ident::new(db.name()).expect("a name").quoted(),
        ))
        .await;
        if let Some(scope) = scope {
            let scope_id = scope.context_function().replace("tenant_id", "scope_id");
            db.execute(&format!(
                "CREATE POLICY tenantry_scope ON notes AS RESTRICTIVE TO PUBLIC
                   USING (scope = (SELECT tenantry.{scope_id}()) OR scope IS NULL OR (SELECT tenantry.{scope_id}()) IS NULL)
                   WITH CHECK (scope = (SELECT tenantry.{scope_id}()) OR (SELECT tenantry.{scope_id}()) IS NULL)"
            ))
            .await;
        }
        for (n, tenant) in tenants.iter().enumerate() {
            for rank in 0..=n {
                let scope = scopes.get(rank).map(ToString::to_string);
                admin
                    .execute(
                        &format!("INSERT INTO public.notes VALUES ($1::text::{tenant_type}, $2::text::{scope_type}, 'of tenant ' || $3::text)"),
                        &[&tenant.to_string(), &scope, &n.to_string()],
                    )
                    .await
                    .expect("rows of every tenant");
            }
        }
        admin.close().await;
        Self { db, key, runtime, tenants, scopes }
    }

    /// A runtime session that is connected and bound.
    pub(crate) async fn session(&self) -> Session<'_> {
        let client = connect_with(&self.runtime, &Settings::plain()).await.expect("a runtime login");
        let mut session = Session { fixture: self, client, session_no: 0, counter: 0 };
        session.bind().await;
        session
    }
}

/// Runs statements as a step of the blueprint runs.
pub(crate) async fn run_in_one_transaction(client: &Client, statements: &[String]) {
    client.batch_execute("BEGIN").await.expect("begin");
    for statement in statements {
        if let Err(error) = client.batch_execute(statement).await {
            panic!("{error:?}\n{statement}");
        }
    }
    client.batch_execute("COMMIT").await.expect("commit");
}

/// One runtime connection, with what the gateway knows of it.
pub(crate) struct Session<'f> {
    pub(crate) fixture: &'f Fixture,
    pub(crate) client: Client,
    pub(crate) session_no: i64,
    pub(crate) counter: i64,
}

impl Session<'_> {
    /// Binds (again).
    pub(crate) async fn bind(&mut self) {
        let row = self.client.query_one("SELECT tenantry.bind_session()", &[]).await.expect("bound");
        self.session_no = row.get(0);
    }

    /// What the next token for a tenant says.
    pub(crate) fn claims(&mut self, tenant: usize) -> SessionClaims {
        self.counter += 1;
        SessionClaims {
            tenant: self.fixture.tenants[tenant].clone(),
            scope: None,
            expires_at: unix_now() + SOON,
            counter: self.counter,
            session_no: self.session_no,
        }
    }

    /// The next token for a tenant.
    pub(crate) fn token(&mut self, tenant: usize) -> String {
        let claims = self.claims(tenant);
        self.fixture.key.sign_session(&claims).expect("claims that can be signed")
    }

    /// A stateless token for a tenant on this connection.
    pub(crate) async fn stateless(&self, tenant: usize, seconds: i64) -> String {
        let (tenant, expires_at) = (self.fixture.tenants[tenant].clone(), unix_now() + seconds);
        self.stateless_with(&SessionClaims { tenant, scope: None, expires_at, counter: 0, session_no: 0 }).await
    }

    /// The same, for tenant and scope of other claims.
    pub(crate) async fn stateless_with(&self, claims: &SessionClaims) -> String {
        let pid = self.client.query_one("SELECT pg_backend_pid()", &[]).await.expect("a process").get(0);
        let (tenant, scope) = (claims.tenant.clone(), claims.scope.clone());
        let expires_at = claims.expires_at.min(unix_now() + SOON_STATELESS);
        let claims = StatelessClaims { tenant, scope, expires_at, backend_pid: pid };
        self.fixture.key.sign_stateless(&claims).expect("claims that can be signed")
    }

    /// Enters a tenant with the text form.
    pub(crate) async fn enter(&mut self, tenant: usize) {
        let token = self.token(tenant);
        self.client.execute("SELECT tenantry.enter($1::text)", &[&token]).await.expect("entered");
    }

    /// Enters with a token of somebody's making.
    pub(crate) async fn try_enter(&self, token: &str) -> Result<u64, Error> {
        self.client.execute("SELECT tenantry.enter($1::text)", &[&token]).await
    }

    /// Holds a tenant with the typed form where the key has one, otherwise with the text form.
    pub(crate) async fn hold(&mut self, tenant: usize) {
        let claims = self.claims(tenant);
        match self.fixture.key.sign_hold_typed(&claims) {
            Ok(typed) => self.try_typed("hold", &typed).await.expect("held"),
            Err(_) => self
                .try_hold(&self.fixture.key.sign_hold(&claims).expect("claims that can be signed"))
                .await
                .expect("held"),
        };
    }

    /// The next held token for a tenant.
    pub(crate) fn held_token(&mut self, tenant: usize) -> String {
        let claims = self.claims(tenant);
        self.fixture.key.sign_hold(&claims).expect("claims that can be signed")
    }

    /// Holds with a token of somebody's making.
    pub(crate) async fn try_hold(&self, token: &str) -> Result<u64, Error> {
        self.client.execute("SELECT tenantry.hold($1::text)", &[&token]).await
    }

    /// Calls the typed form of `enter` or `hold`.
    pub(crate) async fn try_typed(&self, function: &str, t: &TypedToken) -> Result<u64, Error> {
        let call = format!("SELECT tenantry.{function}($1, $2, $3, $4, $5, $6)");
        self.client.execute(&call, &[&t.kid, &t.hi, &t.lo, &t.expires_at, &t.counter, &&t.mac[..]]).await
    }

    /// BEGIN and enter.
    pub(crate) async fn begin(&mut self, tenant: usize) {
        self.client.batch_execute("BEGIN").await.expect("begin");
        self.enter(tenant).await;
    }

    /// Runs SQL text as an application does that joins strings.
    pub(crate) async fn sql(&self, text: &str) -> Result<Vec<String>, Error> {
        let messages = self.client.simple_query(text).await?;
        Ok(messages
            .iter()
            .filter_map(|m| match m {
                SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
                _ => None,
            })
            .collect())
    }

    /// How many rows each tenant shows, by what the bodies say: `"1x2"` is two rows of tenant 1.
    pub(crate) async fn sees(&self) -> Result<String, Error> {
        let rows = self
            .sql("SELECT substr(body, 11) || 'x' || count(*) FROM notes WHERE body LIKE 'of tenant %' GROUP BY body ORDER BY body")
            .await?;
        Ok(rows.join(" "))
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_secs()).expect("a sane clock")
}

/// A refusal as the contract wants it: 42501, `tenantry:`, a hint. Gives the message.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let error = result.expect_err("this must be refused");
    let error = error.as_db_error().unwrap_or_else(|| panic!("not a refusal of the server: {error:?}"));
    assert_eq!(error.code().code(), "42501", "{error:?}");
    assert!(error.message().starts_with("tenantry: "), "{error:?}");
    assert!(error.hint().is_some_and(|hint| hint.len() > 20), "{error:?}");
    error.message().to_owned()
}
