//! Logins and signing key of a run, and how temporary ones are made and removed.
//!
//! Temporary things carry names of their own (`{database}_verify_…`, key numbers from [`KID_FIRST`] on), so that
//! the next run finds what a killed one left. They are also made to be worthless soon: the login's password and
//! the key both expire.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postgres_protocol::password::scram_sha_256;
use tenantry_blueprint::file::{Blueprint, RoleNames};
use tenantry_model::token::{ContextKey, SessionClaims, StatelessClaims};
use tenantry_model::{Ident, TenantKey, literal};
use tenantry_pg::tokio_postgres::types::ToSql;
use tenantry_pg::{Client, Target};

use super::Error;
use super::request::{Logins, Request};
use super::session::Shared;

/// First number of a temporary signing key; below it are the application's own.
pub(crate) const KID_FIRST: i16 = 9900;
/// Last one.
pub(crate) const KID_LAST: i16 = 9999;
/// Life of a token, in seconds.
const TOKEN_SECONDS: i64 = 60;
/// Life of what is temporary, beyond the time of the run.
const SPARE: Duration = Duration::from_secs(120);
/// Written on temporary roles, so that nobody else's role is ever dropped.
const MARK: &str = "temporary login of tenantry verify; the next run removes it";
/// How many temporary logins are made: one per tenant, as slots are.
const TEMPORARY: usize = 2;

/// Signs contexts with a key the database knows.
pub(crate) struct Signer {
    key: ContextKey,
}

impl Signer {
    fn claims(tenant: &TenantKey, session_no: i64, counter: i64) -> SessionClaims {
        SessionClaims { tenant: tenant.clone(), scope: None, expires_at: now() + TOKEN_SECONDS, counter, session_no }
    }

    /// A session token. Keys come from the database itself, so that one that cannot be signed is the empty token,
    /// which the database refuses.
    pub(crate) fn token(&self, tenant: &TenantKey, session_no: i64, counter: i64) -> String {
        self.token_until(tenant, session_no, counter, now() + TOKEN_SECONDS)
    }

    /// A session token with another end.
    pub(crate) fn token_until(&self, tenant: &TenantKey, session_no: i64, counter: i64, expires_at: i64) -> String {
        let claims = SessionClaims { expires_at, ..Self::claims(tenant, session_no, counter) };
        self.key.sign_session(&claims).unwrap_or_default()
    }

    /// A token of the same key number signed with another secret.
    pub(crate) fn forged(&self, tenant: &TenantKey, session_no: i64) -> String {
        let claims = Self::claims(tenant, session_no, i64::MAX / 2);
        ContextKey::new(self.key.kid(), [0x5a; 32]).and_then(|key| key.sign_session(&claims)).unwrap_or_default()
    }

    /// A stateless token.
    pub(crate) fn stateless(&self, tenant: &TenantKey, backend_pid: i32) -> String {
        let claims = StatelessClaims { tenant: tenant.clone(), scope: None, expires_at: now() + 20, backend_pid };
        self.key.sign_stateless(&claims).unwrap_or_default()
    }

    /// The statement that enters a tenant.
    pub(crate) fn enter_sql(&self, tenant: &TenantKey, session_no: i64, counter: i64) -> String {
        format!("SELECT tenantry.enter({}::text)", literal(&self.token(tenant, session_no, counter)))
    }

    /// The statement that enters one unit of a tenant.
    pub(crate) fn enter_unit_sql(&self, tenant: &TenantKey, unit: &TenantKey, session_no: i64, counter: i64) -> String {
        let claims = SessionClaims { scope: Some(unit.clone()), ..Self::claims(tenant, session_no, counter) };
        let token = self.key.sign_session(&claims).unwrap_or_default();
        format!("SELECT tenantry.enter({}::text)", literal(&token))
    }

    /// A held token.
    pub(crate) fn held_token(&self, tenant: &TenantKey, session_no: i64, counter: i64) -> String {
        self.key.sign_hold(&Self::claims(tenant, session_no, counter)).unwrap_or_default()
    }

    /// The statement that holds a tenant, as a pooler does that gives it the connection.
    pub(crate) fn hold_sql(&self, tenant: &TenantKey, session_no: i64, counter: i64) -> String {
        format!("SELECT tenantry.hold({}::text)", literal(&self.held_token(tenant, session_no, counter)))
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

/// What a run attacks with.
pub(crate) struct Means {
    /// Where the runtime logins connect to; at least one.
    pub logins: Vec<Target>,
    /// Who signs.
    pub(crate) shared: Arc<Shared>,
}

/// Gets logins and signer as the request says. What is made here is removed by [`remove`].
pub(crate) async fn obtain(admin: &Client, request: &Request, blueprint: &Blueprint) -> Result<Means, Error> {
    let life = request.limits.total + SPARE;
    match &request.logins {
        Logins::Credentials(file) => {
            let key = ContextKey::from_hex(file.signing_key.kid, &file.signing_key.key)
                .map_err(|e| Error::Context { reason: e.to_string() })?;
            let logins = file.logins.iter().map(|l| request.target.with_login(&l.user, &l.password)).collect();
            Ok(Means { logins, shared: shared(Signer { key }) })
        }
        Logins::App(target) => {
            Ok(Means { logins: vec![(**target).clone()], shared: shared(temporary_key(admin, life).await?) })
        }
        Logins::Temporary => {
            let shared = shared(temporary_key(admin, life).await?);
            let mut logins = Vec::new();
            for _ in 0..TEMPORARY {
                logins.push(temporary_login(admin, &request.target, &blueprint.roles, life).await?);
            }
            Ok(Means { logins, shared })
        }
    }
}

fn shared(signer: Signer) -> Arc<Shared> {
    Arc::new(Shared { signer, unanswered: AtomicU32::new(0) })
}

async fn temporary_key(admin: &Client, life: Duration) -> Result<Signer, Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|e| Error::Random(e.to_string()))?;
    // Only one run is at work on a database, and it has removed what others left.
    let kid = KID_FIRST;
    let key = ContextKey::new(kid, secret).map_err(|e| Error::Context { reason: e.to_string() })?;
    let pads = key.pads();
    let keeper = keeper(admin).await.map_err(Error::sql("look for the keeper of the signing keys"))?;
    let (ipad, opad, seconds) = (&pads.ipad[..], &pads.opad[..], life.as_secs_f64());
    as_keeper(
        admin,
        keeper.as_ref(),
        "INSERT INTO tenantry.signing_key (kid, ipad, opad, not_after) \
         VALUES ($1, $2, $3, pg_catalog.now() + pg_catalog.make_interval(secs => $4))",
        &[&kid, &ipad, &opad, &seconds],
    )
    .await
    .map_err(Error::sql("add a temporary signing key (a login that may write tenantry.signing_key is needed)"))?;
    Ok(Signer { key })
}

async fn temporary_login(admin: &Client, target: &Target, roles: &RoleNames, life: Duration) -> Result<Target, Error> {
    let mut random = [0; 36];
    getrandom::fill(&mut random).map_err(|e| Error::Random(e.to_string()))?;
    let (tail, secret) = random.split_at(4);
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let name = Ident::composed("", target.database(), &format!("_verify_{}", hex(tail)));
    let password = hex(secret);
    // The verifier is computed here, so that the password never stands in a statement or a log.
    let verifier = scram_sha_256(password.as_bytes());
    let until: String = admin
        .query_one(
            "SELECT (pg_catalog.now() + pg_catalog.make_interval(secs => $1))::pg_catalog.text",
            &[&life.as_secs_f64()],
        )
        .await
        .map_err(Error::sql("read the server's clock"))?
        .get(0);
    let sql = format!(
        "CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION INHERIT \
         PASSWORD {password} VALID UNTIL {until} IN ROLE {group}; COMMENT ON ROLE {name} IS {mark}",
        name = name.quoted(),
        password = literal(&verifier),
        until = literal(&until),
        group = roles.runtime.quoted(),
        mark = literal(MARK),
    );
    admin
        .batch_execute(&sql)
        .await
        .map_err(Error::sql("make a temporary login (CREATEROLE is needed, or name the credentials file)"))?;
    Ok(target.with_login(name.as_str(), &password))
}

/// Removes temporary logins and keys: those of this run at its end, those of a killed run at the start of the next.
pub(crate) async fn remove(admin: &Client, database: &str) -> Result<(), tenantry_pg::tokio_postgres::Error> {
    let prefix = Ident::composed("", database, "_verify_00000000");
    let prefix = prefix.as_str().strip_suffix("00000000").unwrap_or(prefix.as_str());
    let roles = admin
        .query(
            "SELECT rolname::text FROM pg_catalog.pg_roles \
             WHERE pg_catalog.starts_with(rolname::text, $1) AND pg_catalog.shobj_description(oid, 'pg_authid') = $2",
            &[&prefix, &MARK],
        )
        .await?;
    for row in roles {
        let Ok(role) = Ident::new(row.get::<_, String>(0)) else { continue };
        admin.batch_execute(&format!("DROP ROLE IF EXISTS {}", role.quoted())).await?;
    }
    if let Some(keeper) = keeper(admin).await? {
        // Keys of its own numbers only; a login that may not write the table has not made any.
        let sql = "DELETE FROM tenantry.signing_key WHERE kid BETWEEN $1 AND $2";
        match as_keeper(admin, Some(&keeper), sql, &[&KID_FIRST, &KID_LAST]).await {
            Err(error) if error.code().is_some_and(|c| c.code() == "42501") => {}
            other => other?,
        }
    }
    Ok(())
}

/// The role that owns the signing keys, if they are there.
async fn keeper(admin: &Client) -> Result<Option<Ident>, tenantry_pg::tokio_postgres::Error> {
    let row = admin
        .query_opt(
            "SELECT r.rolname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.oid = c.relowner \
             WHERE c.oid = pg_catalog.to_regclass('tenantry.signing_key')",
            &[],
        )
        .await?;
    Ok(row.and_then(|r| Ident::new(r.get::<_, String>(0)).ok()))
}

/// Runs a statement with the keeper's rights where the admin may take them (a managed service's admin is a member
/// of the keeper without inheriting from it), else with its own.
async fn as_keeper(
    admin: &Client,
    keeper: Option<&Ident>,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<(), tenantry_pg::tokio_postgres::Error> {
    admin.batch_execute("BEGIN").await?;
    if let Some(keeper) = keeper {
        let become_it = format!("SAVEPOINT own; SET LOCAL ROLE {}", keeper.quoted());
        if admin.batch_execute(&become_it).await.is_err() {
            admin.batch_execute("ROLLBACK TO SAVEPOINT own").await?;
        }
    }
    let result = admin.execute(sql, values).await.map(|_| ());
    admin.batch_execute(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    result
}
