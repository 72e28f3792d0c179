//! `PAUSE`, `RESUME`, `RELOAD` and `KILL`, over all workers.

use std::collections::HashSet;

use super::command::Act;
use crate::refusal::Refusal;
use crate::worker::{Order, Worker};

/// Does it, and gives the word for CommandComplete.
pub(super) fn run(act: &Act, worker: &Worker) -> Result<&'static str, Refusal> {
    match act {
        Act::Pause => {
            tracing::info!("an operator pauses the proxy");
            tell(worker, || Order::Pause(true));
            Ok("PAUSE")
        }
        Act::Resume => {
            tracing::info!("an operator resumes the proxy");
            tell(worker, || Order::Pause(false));
            Ok("RESUME")
        }
        Act::Reload => {
            worker.reload_asked.notify_one();
            Ok("RELOAD")
        }
        Act::Kill(None) => {
            tracing::info!("an operator ends all clients");
            tell(worker, || Order::Kill(None));
            Ok("KILL")
        }
        Act::Kill(Some(name)) => {
            let pools = worker.pools();
            let found = pools.iter().filter_map(|pool| pool.database.directory.find(name));
            let keys: HashSet<_> = found.map(|facts| facts.key.clone()).collect();
            if keys.is_empty() {
                return Err(Refusal::new("42704", format!("tenantry: there is no tenant \"{name}\""))
                    .hint("SHOW TENANTS lists them by slug and key."));
            }
            for key in keys {
                tracing::info!(tenant.id = %key, "an operator ends the clients of tenant {key}");
                tell(worker, || Order::Kill(Some(key.clone())));
            }
            Ok("KILL")
        }
    }
}

fn tell(worker: &Worker, order: impl Fn() -> Order) {
    for orders in &worker.others {
        // a worker that has ended has no clients
        let _ = orders.send(order());
    }
}
