//! What the soak does to the server meanwhile: it terminates server connections again and again, and restarts the
//! whole server once, in the middle.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use fastrand::Rng;
use tenantry_pg::{Session, Target, connect_with};
use tenantry_testkit::Restartable;

use super::Soak;

/// How long the server stays away.
const AWAY: Duration = Duration::from_millis(300);

/// Any server connection of the database but ours; which one is up to the salt.
const TERMINATE: &str = "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM (
    SELECT pid FROM pg_catalog.pg_stat_activity
    WHERE datname = $1 AND pid <> pg_catalog.pg_backend_pid() AND backend_type = 'client backend'
    ORDER BY pg_catalog.md5(pid::text || $2) LIMIT 1) AS one";

/// Disturbs until the soak is over.
pub(super) async fn blow(soak: Arc<Soak>, admin: Target, mut server: Restartable) -> anyhow::Result<Restartable> {
    if soak.storm_ms == 0 {
        return Ok(server);
    }
    let mut rng = Rng::with_seed(soak.seed);
    let (mut client, mut restarted) = (Some(connect_with(&admin, &Session::plain()).await?), false);
    while soak.goes_on() {
        tokio::time::sleep(Duration::from_millis(rng.u64(..soak.storm_ms))).await;
        if soak.progress() > 0.5 && !restarted {
            restarted = true;
            client = None;
            server = restart(&soak, server).await?;
        }
        if client.is_none() {
            client = Some(connect_with(&admin, &Session::plain()).await?);
        }
        if let Some(client) = &client {
            soak.weather.terminates();
            let salt = rng.u32(..).to_string();
            let row = client.query_one(TERMINATE, &[&soak.ground.database, &salt]).await;
            if row.context("terminate a connection")?.get::<_, i64>(0) == 0 {
                soak.weather.spares();
            }
        }
    }
    Ok(server)
}

async fn restart(soak: &Soak, mut server: Restartable) -> anyhow::Result<Restartable> {
    soak.weather.stops();
    let server = tokio::task::spawn_blocking(move || {
        server.stop();
        server
    });
    let mut server = server.await.context("stop the server")?;
    tokio::time::sleep(AWAY).await;
    let server = tokio::task::spawn_blocking(move || {
        server.start_again();
        server
    });
    let server = server.await.context("start the server again")?;
    soak.weather.is_back();
    Ok(server)
}
