//! Hands on an application's database: a connection with the login of the configuration, and a lock there that one
//! piece of work has at a time.

use tenantry_pg::tokio_postgres::error::SqlState;
use tenantry_pg::{Client, Session, connect_with, in_plain_words, tokio_postgres};
use uuid::Uuid;

use super::Application;
use crate::error::{Code, Error};

/// Longest wait for a lock of the application's.
const LOCK_WAIT: &str = "10s";
/// Longest statement: a copy of a large template takes its time.
const STATEMENT_MAX: &str = "30min";

/// Connects, and takes the lock of what the work is about. Somebody else who has it is left to it.
pub(crate) async fn open(application: &Application, about: Uuid) -> Result<Client, Error> {
    let client = enter(application, application.target.database()).await?;
    let sql = "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('tenantry ' || $1, 0))";
    let row = client.query_one(sql, &[&about.to_string()]).await.map_err(failed("take the lock of this work"))?;
    if !row.get::<_, bool>(0) {
        return Err(Error::new(Code::Busy, "somebody else works on this tenant's place"));
    }
    Ok(client)
}

/// Connects to another database of the same server, without a lock: whoever does holds one where the login lives.
pub(crate) async fn enter(application: &Application, database: &str) -> Result<Client, Error> {
    let session = Session::tool().with("lock_timeout", LOCK_WAIT).with("statement_timeout", STATEMENT_MAX);
    connect_with(&application.target.with_database(database), &session).await.map_err(|e| {
        // a wrong password today may be the right one after the next reload
        Error::new(Code::Unavailable, format!("the database `{database}` cannot be entered")).because(e)
    })
}

/// A failed statement: what may pass is tried again, what the database refuses is not.
pub(crate) fn failed(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> Error {
    move |e| {
        let passes = [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::OBJECT_IN_USE,
            SqlState::QUERY_CANCELED,
            SqlState::TOO_MANY_CONNECTIONS,
            // "tuple concurrently updated": two changed the same line of the catalog
            SqlState::INTERNAL_ERROR,
        ];
        let code = match e.code() {
            Some(state) if passes.contains(state) => Code::Busy,
            _ if tenantry_pg::class_of(&e) == tenantry_model::Class::Unavailable => Code::Unavailable,
            _ => Code::StateConflict,
        };
        Error::new(code, format!("cannot {doing}")).because_text(in_plain_words(&e))
    }
}
