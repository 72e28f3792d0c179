//! When all clients have left: the pool is whole again, nothing is left open on the server, and the pooler holds no
//! more memory than early in the soak.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::report::Kind;
use super::speaker::Way;
use super::{ANSWER_WAIT_MAX, Soak};
use crate::ground::Tenant;
use crate::wire::{Login, Wire, WireError, query};

/// How long a pooler may take to roll back and to let go.
const CALM_WAIT_MAX: Duration = Duration::from_secs(20);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Memory at the end may be so much of the early one, and this many MB more.
const GROWTH_MAX: (f64, f64) = (1.5, 32.0);

/// Connections that do or hold anything, seen from the server.
const BUSY: &str = "SELECT count(*) FILTER (WHERE state <> 'idle'), count(*) FROM pg_catalog.pg_stat_activity
    WHERE datname = $1 AND pid <> pg_catalog.pg_backend_pid() AND backend_type = 'client backend'";

/// Tries to use the whole pool at a time.
const TRIES_MAX: usize = 3;

/// Looks at what is left. `pool` connections are what the pooler may and must have.
pub(super) async fn inspect(soak: &Soak, pool: u32, pooled: bool) -> anyhow::Result<()> {
    let admin = soak.ground.admin().await?;
    let begin = Instant::now();
    loop {
        let row = admin.query_one(BUSY, &[&soak.ground.database]).await?;
        let (busy, all): (i64, i64) = (row.get(0), row.get(1));
        let most = if pooled { i64::from(pool) } else { 0 };
        if busy == 0 && all <= most {
            break;
        }
        if begin.elapsed() > CALM_WAIT_MAX {
            let found = format!(
                "{all} connections to the server, {busy} of them busy; at most {most} idle ones should be left"
            );
            soak.findings.add(Kind::Pool, found);
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    admin.close().await;
    if pooled {
        let mut found = together(soak, pool).await;
        for _ in 1..TRIES_MAX {
            // a connection that was terminated at the very end is met by whoever gets it next
            if found.is_ok() {
                break;
            }
            found = together(soak, pool).await;
        }
        match found {
            Ok(found) if found == pool as usize => {}
            Ok(found) => {
                soak.findings.add(Kind::Pool, format!("{found} server connections work at a time, not {pool}"))
            }
            Err(fault) => soak.findings.add(Kind::Pool, format!("the pool does not answer: {fault}")),
        }
    }
    Ok(())
}

/// How many server connections do the work of as many clients at a time: a lost one would be missing here.
async fn together(soak: &Soak, pool: u32) -> Result<usize, WireError> {
    let (mut wires, mut tasks) = (Vec::new(), JoinSet::new());
    for number in 1..=pool {
        wires.push(Wire::connect(soak.port, &login(soak, number)).await?);
    }
    for mut wire in wires {
        tasks.spawn(async move {
            wire.send(&query("SELECT pg_backend_pid() FROM pg_sleep(0.5)")).await?;
            let mut process = None;
            loop {
                let frame = wire.next().await?;
                match frame.tag {
                    b'D' => process = frame.columns()?.into_iter().next().flatten(),
                    b'E' => return Err(WireError::Server(frame.error())),
                    b'Z' => return Ok(process),
                    _ => {}
                }
            }
        });
    }
    let mut processes = BTreeSet::new();
    let all = async {
        while let Some(process) = tasks.join_next().await {
            processes.insert(process.map_err(|e| WireError::Protocol(e.to_string()))??);
        }
        Ok(processes.len())
    };
    tokio::time::timeout(ANSWER_WAIT_MAX, all).await.map_err(|_| WireError::Closed)?
}

/// As in the soak: tenants of their own where tenants log in.
fn login(soak: &Soak, number: u32) -> Login {
    match soak.ways.contains(&Way::Login) {
        true => soak.ground.tenant_login(&Tenant::numbered(1 + (number - 1) % soak.tenants)),
        false => soak.ground.login(0),
    }
}

/// Compares memory in MB, early and at the end.
pub(super) fn memory(soak: &Soak, early: f64, end: f64) {
    if end > early * GROWTH_MAX.0 + GROWTH_MAX.1 {
        soak.findings.add(Kind::Memory, format!("{early:.1} MB early, {end:.1} MB when all have left"));
    }
}
