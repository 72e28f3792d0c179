//! A shared tenant's rows: deleted through the wall itself.
//!
//! The tenant's signed context is entered as the runtime's group, which the policies hold for, and everything that
//! can be deleted then is deleted. Nothing else can be, whatever is wrong with this code: a role that the policies do
//! not hold for is not used, and the database is asked whether they do, table by table, in the same transaction.

use std::time::{SystemTime, UNIX_EPOCH};

use tenantry_model::token::SessionClaims;
use tenantry_model::{Ident, QualifiedName, TenantKey};
use tenantry_pg::tokio_postgres::error::SqlState;
use tenantry_pg::{Client, tokio_postgres};

use crate::error::{Code, Error};
use crate::ids::TenantId;
use crate::work::Application;
use crate::work::hands::{failed, open};
use crate::work::moment::moment;

/// Rows that are deleted in one transaction.
const BATCH_ROWS: i64 = 2_000;
/// How long a signed context may take to arrive, in seconds.
const ARRIVES_WITHIN_S: i64 = 30;

/// The tables of tenants, children before their parents as far as there is such an order.
const TABLES: &str = "
WITH RECURSIVE walled AS (
    SELECT DISTINCT c.oid, n.nspname, c.relname, c.relkind, c.relforcerowsecurity, c.relowner
    FROM pg_catalog.pg_policy p
    JOIN pg_catalog.pg_class c ON c.oid = p.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE p.polname LIKE 'tenantry\\_%' AND NOT p.polpermissive AND c.relrowsecurity AND NOT c.relispartition),
edge AS (
    SELECT DISTINCT f.conrelid AS child, f.confrelid AS parent FROM pg_catalog.pg_constraint f
    WHERE f.contype = 'f' AND f.conrelid <> f.confrelid AND f.conparentid = 0
      AND f.conrelid IN (SELECT oid FROM walled) AND f.confrelid IN (SELECT oid FROM walled)),
-- in a circle the levels stop rising: what is met too early then is tried again
level AS (
    SELECT oid, 0 AS depth FROM walled
    UNION SELECT e.child, l.depth + 1 FROM level l JOIN edge e ON e.parent = l.oid WHERE l.depth < 50)
SELECT w.oid, w.nspname::text, w.relname::text, w.relkind = 'p',
       CASE WHEN has_table_privilege($1, w.oid, 'DELETE') AND has_table_privilege($1, w.oid, 'SELECT') THEN $1
            WHEN w.relforcerowsecurity AND NOT o.rolsuper AND NOT o.rolbypassrls THEN o.rolname::text END
FROM walled w JOIN (SELECT oid, max(depth) AS depth FROM level GROUP BY oid) l ON l.oid = w.oid
JOIN pg_catalog.pg_roles o ON o.oid = w.relowner
ORDER BY l.depth DESC, w.nspname, w.relname";

struct Table {
    oid: u32,
    name: QualifiedName,
    partitioned: bool,
    /// Who may delete in it, and is held by its policies.
    role: Ident,
}

/// A connection that works for one tenant.
pub(super) struct Rows<'a> {
    client: Client,
    application: &'a Application,
    runtime: Ident,
    tenant: TenantId,
    tables: Vec<Table>,
    session_no: i64,
    counter: i64,
}

impl<'a> Rows<'a> {
    pub(super) async fn open(application: &'a Application, tenant: TenantId) -> Result<Self, Error> {
        let client = open(application, tenant.0).await?;
        let runtime = Ident::new(application.runtime()).map_err(|e| Error::bug("use the runtime's name").because(e))?;
        let rows = client.query(TABLES, &[&runtime.as_str()]).await.map_err(failed("list the tables of tenants"))?;
        let mut tables = Vec::new();
        for row in rows {
            let ident =
                |at| Ident::new(row.get::<_, String>(at)).map_err(|e| Error::bug("use a table's name").because(e));
            let name = QualifiedName::new(ident(1)?, ident(2)?);
            let Some(role) = row.get::<_, Option<String>>(4) else {
                let detail = format!("nobody may delete in table {name} and is held by its policies");
                return Err(Error::new(Code::StateConflict, detail));
            };
            let role = Ident::new(role).map_err(|e| Error::bug("use a role's name").because(e))?;
            tables.push(Table { oid: row.get(0), name, partitioned: row.get(3), role });
        }
        if tables.is_empty() {
            let detail = format!("the database `{}` has no tables of tenants", application.target.database());
            return Err(Error::new(Code::StateConflict, detail).because_text("is it isolated, and is the login right?"));
        }
        let bound = client.query_one("SELECT tenantry.bind_session()", &[]).await;
        let session_no = bound.map_err(failed("bind the session"))?.get(0);
        Ok(Self { client, application, runtime, tenant, tables, session_no, counter: 0 })
    }

    /// The tenant's rows, by table.
    pub(super) async fn count(mut self) -> Result<Vec<(String, i64)>, Error> {
        let mut counted = Vec::new();
        for at in 0..self.tables.len() {
            self.begin(at).await?;
            let name = &self.tables[at].name;
            let sql = format!("SELECT count(*) FROM {}", name.quoted());
            let rows = self.client.query_one(&sql, &[]).await.map_err(failed("count the tenant's rows"))?;
            counted.push((format!("{}.{}", name.schema, name.name), rows.get(0)));
            self.end("ROLLBACK").await?;
        }
        self.client.close().await;
        Ok(counted)
    }

    /// Deletes all of them. Tables that refer to each other in a circle take more than one turn.
    pub(super) async fn remove(mut self) -> Result<(), Error> {
        let mut waiting: Vec<usize> = (0..self.tables.len()).collect();
        while !waiting.is_empty() {
            let mut later = Vec::new();
            let (mut deleted, mut held) = (0, None);
            for at in waiting.clone() {
                match self.empty(at).await {
                    Ok(rows) => deleted += rows,
                    Err(Refused::StillNeeded(e)) => {
                        later.push(at);
                        held = Some(e);
                    }
                    Err(Refused::Other(e)) => return Err(e),
                }
            }
            if let Some(error) = held.filter(|_| deleted == 0 && later.len() == waiting.len()) {
                return Err(failed("delete the tenant's rows, which other rows still need")(error));
            }
            waiting = later;
        }
        self.client.close().await;
        Ok(())
    }

    /// Deletes the tenant's rows of one table, batch by batch.
    async fn empty(&mut self, at: usize) -> Result<u64, Refused> {
        let mut all = 0;
        let mut rest = false;
        loop {
            self.begin(at).await?;
            let table = self.tables[at].name.quoted();
            let sql = if rest {
                format!("DELETE FROM {table}")
            } else if self.tables[at].partitioned {
                format!(
                    "DELETE FROM {table} WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM {table} LIMIT {BATCH_ROWS})"
                )
            } else {
                format!("DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} LIMIT {BATCH_ROWS}))")
            };
            let rows = match self.client.execute(&sql, &[]).await {
                Ok(rows) => rows,
                Err(error) => {
                    self.end("ROLLBACK").await?;
                    let needed = error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION);
                    return Err(match needed {
                        true => Refused::StillNeeded(error),
                        false => Refused::Other(failed("delete the tenant's rows")(error)),
                    });
                }
            };
            moment().await;
            self.end("COMMIT").await?;
            all += rows;
            if rows == 0 && rest {
                return Ok(all);
            }
            // rows of nobody, which everybody sees, can fill a batch: what is behind them goes at last without one
            rest = rows == 0;
        }
    }

    /// Begins a transaction for the tenant, as a role that the table's policies hold for.
    async fn begin(&mut self, at: usize) -> Result<(), Error> {
        let table = &self.tables[at];
        let key = self.application.context_key.as_ref().ok_or_else(|| {
            let detail = format!("no key signs contexts for the database `{}`", self.application.target.database());
            Error::new(Code::Unavailable, detail).because_text("`credentials` of [control.databases] is missing")
        })?;
        self.counter += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs().cast_signed());
        let claims = SessionClaims {
            tenant: TenantKey::Uuid(self.tenant.0),
            scope: None,
            expires_at: now + ARRIVES_WITHIN_S,
            counter: self.counter,
            session_no: self.session_no,
        };
        let token = key.sign_session(&claims).map_err(|e| Error::bug("sign a context").because(e))?;
        let sql = format!("BEGIN; SET LOCAL ROLE {}", self.runtime.quoted());
        self.client.batch_execute(&sql).await.map_err(failed("become the runtime's group"))?;
        let entered = self.client.execute("SELECT tenantry.enter($1)", &[&token]).await;
        entered.map_err(failed("enter the tenant's context"))?;
        let sql = format!("SET LOCAL ROLE {}", table.role.quoted());
        self.client.batch_execute(&sql).await.map_err(failed("become whom the policies hold for"))?;
        let sql = "SELECT pg_catalog.row_security_active($1::oid)";
        let held = self.client.query_one(sql, &[&table.oid]).await.map_err(failed("ask whether the policies hold"))?;
        if !held.get::<_, bool>(0) {
            let detail = format!("the policies of table {} do not hold for role {}", table.name, table.role);
            return Err(Error::new(Code::StateConflict, detail));
        }
        Ok(())
    }

    async fn end(&self, how: &'static str) -> Result<(), Error> {
        self.client.batch_execute(how).await.map_err(failed("end a transaction"))
    }
}

/// Why rows of a table stay.
enum Refused {
    /// Other rows refer to them: those must go first.
    StillNeeded(tokio_postgres::Error),
    /// Something else.
    Other(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}
