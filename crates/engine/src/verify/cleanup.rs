//! One run at a time, and nothing left behind.

use tenantry_pg::Client;

use super::{Error, logins};

/// Key of the session lock that keeps two runs apart: `tenantry verify` as a number.
const LOCK: i64 = 0x7465_6e76_6572_6679;

/// Takes the lock and removes what a killed run left: with the lock held, nobody can be using it.
pub(crate) async fn enter(admin: &Client, database: &str) -> Result<(), Error> {
    let alone: bool = admin
        .query_one("SELECT pg_catalog.pg_try_advisory_lock($1)", &[&LOCK])
        .await
        .map_err(Error::sql("take the lock of verify"))?
        .get(0);
    if !alone {
        return Err(Error::Busy { database: database.to_owned() });
    }
    leave(admin, database).await
}

/// Removes what is temporary.
pub(crate) async fn leave(admin: &Client, database: &str) -> Result<(), Error> {
    logins::remove(admin, database).await.map_err(|e| Error::Cleanup { reason: tenantry_pg::in_plain_words(&e) })
}
