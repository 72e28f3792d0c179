//! Other sessions of the server, as an error or a progress bar names them.

use std::fmt;

use serde::Serialize;
use tenantry_model::{Ident, QualifiedName};
use tenantry_pg::tokio_postgres::{GenericClient, Row};

use super::error::Error;

/// One session that is in the way. What the runner may not see is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Its backend's process id: what `pg_terminate_backend` takes.
    pub pid: i32,
    /// Its login.
    pub user: Option<String>,
    /// What it calls itself.
    pub application: Option<String>,
    /// Where it comes from; `None` for a Unix socket.
    pub client: Option<String>,
    /// `active`, `idle in transaction`, …
    pub state: Option<String>,
    /// Since when: of its transaction if it has one, else of the session. ISO 8601, UTC.
    pub since: Option<String>,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}", self.pid)?;
        for (before, part, after) in [
            (" of login `", &self.user, "`"),
            (" (", &self.application, ")"),
            (" from ", &self.client, ""),
            (", ", &self.state, ""),
            (" since ", &self.since, ""),
        ] {
            if let Some(part) = part.as_deref().filter(|p| !p.is_empty()) {
                write!(f, "{before}{part}{after}")?;
            }
        }
        Ok(())
    }
}

/// Columns of [`Session`], from `pg_stat_activity a`.
const COLUMNS: &str =
    "a.pid, a.usename::text, coalesce(nullif(a.application_name, ''), a.backend_type), coalesce(a.client_hostname, host(a.client_addr)), a.state,
       to_char(coalesce(a.xact_start, a.backend_start) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";

fn session(row: &Row) -> Session {
    let [user, application, client, state, since] = [1, 2, 3, 4, 5].map(|i| row.get(i));
    Session { pid: row.get(0), user, application, client, state, since }
}

/// The sessions of these processes that still exist.
pub(super) async fn named(client: &impl GenericClient, pids: &[i32]) -> Result<Vec<Session>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM pg_stat_activity a WHERE a.pid = ANY ($1) ORDER BY a.pid");
    let rows = client.query(&sql, &[&pids]).await.map_err(Error::query("see other sessions"))?;
    Ok(rows.iter().map(session).collect())
}

/// The sessions a backend waits for.
pub(super) async fn blocking(client: &impl GenericClient, pid: i32) -> Result<Vec<Session>, Error> {
    let sql =
        format!("SELECT {COLUMNS} FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids($1)) ORDER BY a.pid");
    let rows = client.query(&sql, &[&pid]).await.map_err(Error::query("see other sessions"))?;
    Ok(rows.iter().map(session).collect())
}

/// Tables on which these backends hold the lock of maintenance: an automatic VACUUM among them makes way if asked
/// long enough.
pub(super) async fn maintained_by(client: &impl GenericClient, pids: &[i32]) -> Result<Vec<QualifiedName>, Error> {
    let sql = "SELECT DISTINCT n.nspname::text, c.relname::text
               FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE l.pid = ANY ($1) AND l.locktype = 'relation' AND l.granted AND c.relkind = 'r'
                 AND l.mode = 'ShareUpdateExclusiveLock' AND n.nspname <> 'pg_catalog'
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let rows = client.query(sql, &[&pids]).await.map_err(Error::query("see other sessions' locks"))?;
    let name = |text: String| Ident::new(text).ok();
    Ok(rows.iter().filter_map(|r| Some(QualifiedName::new(name(r.get(0))?, name(r.get(1))?))).collect())
}

/// Sessions of these logins in any database.
pub(super) async fn of_logins(client: &impl GenericClient, logins: &[&str]) -> Result<Vec<Session>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM pg_stat_activity a WHERE a.usename = ANY ($1) ORDER BY a.pid");
    let rows = client.query(&sql, &[&logins]).await.map_err(Error::query("see other sessions"))?;
    Ok(rows.iter().map(session).collect())
}

/// Several sessions in one line.
pub(crate) fn listed(sessions: &[Session]) -> String {
    if sessions.is_empty() {
        return "nobody that can be seen".to_owned();
    }
    sessions.iter().map(Session::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_by_what_is_known_of_it() {
        let mut s =
            Session { pid: 7, user: None, application: Some(String::new()), client: None, state: None, since: None };
        assert_eq!(s.to_string(), "pid 7");
        s.user = Some("app".into());
        s.application = Some("psql".into());
        s.state = Some("idle in transaction".into());
        s.since = Some("2026-01-01T00:00:00Z".into());
        assert_eq!(listed(&[s]), "pid 7 of login `app` (psql), idle in transaction since 2026-01-01T00:00:00Z");
    }
}
