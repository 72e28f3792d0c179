//! Who suffers from a backfill: sessions that wait for it, replicas that fall behind.

use tenantry_pg::tokio_postgres::GenericClient;

use crate::apply::error::Error;

/// Whether some session waits for a lock that the backend `pid` holds.
pub(super) async fn waited_for(client: &impl GenericClient, pid: i32) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (
                   SELECT FROM (SELECT DISTINCT l.pid FROM pg_locks l WHERE NOT l.granted LIMIT 20) w
                   WHERE $1 = ANY (pg_blocking_pids(w.pid)))";
    let row = client.query_one(sql, &[&pid]).await.map_err(Error::query("see who waits"))?;
    Ok(row.get(0))
}

/// Bytes of log that the slowest connected replica has not replayed; 0 if there is none, or it may not be seen.
pub(super) async fn replica_lag(client: &impl GenericClient) -> Result<i64, Error> {
    let sql = "SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 0)::bigint
               FROM pg_stat_replication WHERE state IN ('streaming', 'catchup')";
    let row = client.query_one(sql, &[]).await.map_err(Error::query("see the replicas"))?;
    Ok(row.get(0))
}
