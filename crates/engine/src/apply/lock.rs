//! One runner at a time: an advisory lock that the server frees when its session ends, however it ends.

use std::time::Duration;

use tenantry_pg::tokio_postgres::GenericClient;

use super::error::Error;
use super::sessions::{self, Session};

/// The lock's number: the first eight bytes of SHA-256("tenantry"), so that no application takes it by chance.
const KEY: i64 = -9_146_373_605_690_839_294;

/// How long to wait for a runner that was killed: its server process notices within a second or two.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// Takes the lock for the session, or says who has it.
pub(super) async fn take(client: &impl GenericClient) -> Result<(), Error> {
    let begun = tokio::time::Instant::now();
    loop {
        let taken: bool = client
            .query_one("SELECT pg_try_advisory_lock($1)", &[&KEY])
            .await
            .map_err(Error::query("take the runner's lock"))?
            .get(0);
        if taken {
            return Ok(());
        }
        if begun.elapsed() >= PATIENCE
            && let Some(holder) = holder(client).await?
        {
            return Err(Error::Busy { holder: Box::new(holder) });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Who holds the lock on this database.
pub(super) async fn holder(client: &impl GenericClient) -> Result<Option<Session>, Error> {
    let sql = "SELECT l.pid FROM pg_locks l
               WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND (l.classid::bigint << 32) | l.objid::bigint = $1";
    let rows = client.query(sql, &[&KEY]).await.map_err(Error::query("see who holds the runner's lock"))?;
    let pids: Vec<i32> = rows.iter().map(|r| r.get(0)).collect();
    Ok(sessions::named(client, &pids).await?.into_iter().next())
}
