//! Taking tasks and doing their steps: a few at once, for as long as the control plane runs.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tenantry_model::Class;
use tokio::task::JoinHandle;

use super::moment::moment;
use super::{ATTEMPTS_MAX, Done, Kind, RENEW_EVERY, Task, Workshop, lost, reason, store};
use crate::db::Scope;
use crate::error::{Code, Error};
use crate::{erasing, fleet, placing};

/// Tasks that one control plane does at once.
const HANDS: usize = 4;
/// How often it looks, where nobody says that there is something to do.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Longest wait before a step is tried again.
const WAIT_S_MAX: f64 = 600.0;

/// Work that goes on until this is dropped. Being stopped anywhere is no harm to it.
#[derive(Debug)]
pub(crate) struct Running(Vec<JoinHandle<()>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Begins to work.
pub(crate) fn start(shop: &Workshop) -> Running {
    Running((0..HANDS).map(|n| tokio::spawn(hand(shop.clone(), n == 0))).collect())
}

async fn hand(shop: Workshop, looks: bool) {
    loop {
        let worked = async {
            if looks {
                look(&shop).await?;
            }
            while one(&shop).await? {
                // there may be more than this hand can do
                shop.wake();
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = worked.await {
            tracing::warn!("tenants wait for their place: {}", reason(&error));
        }
        let _ = tokio::time::timeout(LOOK_EVERY, shop.woken()).await;
    }
}

/// Does all that is due, and gives the number of steps.
pub(crate) async fn drain(shop: &Workshop) -> Result<usize, Error> {
    let mut steps = 0;
    loop {
        let found = look(shop).await?;
        let before = steps;
        while one(shop).await? {
            steps += 1;
        }
        if !found && steps == before {
            return Ok(steps);
        }
    }
}

/// Looks for work that time brings. True if there is some.
async fn look(shop: &Workshop) -> Result<bool, Error> {
    let erased = erasing::due(shop).boxed().await?;
    let warmed = placing::warm::wanted(shop).boxed().await?;
    let migrated = fleet::wanted(shop).boxed().await?;
    Ok(erased || warmed || migrated)
}

/// Takes a task and does its steps until it is at its end or must wait. False if none is due.
async fn one(shop: &Workshop) -> Result<bool, Error> {
    let tx = shop.db().write(Scope::Platform, "task:work").await?;
    let taken = store::take(&tx, &shop.names()).await?;
    tx.commit().await?;
    let Some(mut task) = taken else { return Ok(false) };
    moment().await;
    loop {
        let done = held(shop, &task, step(shop, &task)).await;
        moment().await;
        let next = match done {
            Ok(Done::Next(next)) => next,
            Ok(Done::Recorded) => return Ok(true),
            Err(error) => match failed(shop, &task, &error).await? {
                Some(next) => {
                    task.failure = Some(reason(&error));
                    next
                }
                None => return Ok(true),
            },
        };
        if task.step != next {
            record(shop, async |tx| store::next(tx, &task, next).await).await?;
            next.clone_into(&mut task.step);
            task.attempts = 1;
        }
        moment().await;
    }
}

/// On the heap: the futures of all steps together are larger than some stacks.
fn step<'a>(shop: &'a Workshop, task: &'a Task) -> BoxFuture<'a, Result<Done, Error>> {
    match task.kind {
        Kind::Provision => placing::provision::step(shop, task).boxed(),
        Kind::Warm => placing::warm::step(shop, task).boxed(),
        Kind::Erase => erasing::step(shop, task).boxed(),
        Kind::Migrate => fleet::step(shop, task).boxed(),
        Kind::Access => placing::access::step(shop, task).boxed(),
    }
}

/// Does a step while the loan is renewed. A step whose loan is lost is dropped where it stands.
async fn held(shop: &Workshop, task: &Task, mut step: BoxFuture<'_, Result<Done, Error>>) -> Result<Done, Error> {
    let mut interval = tokio::time::interval(RENEW_EVERY);
    interval.tick().await;
    loop {
        tokio::select! {
            done = &mut step => return done,
            _ = interval.tick() => {
                let tx = shop.db().write(Scope::Platform, "task:work").await?;
                let ours = store::renew(&tx, task).await?;
                tx.commit().await?;
                if !ours {
                    return Err(lost());
                }
            }
        }
    }
}

/// What follows from a failed step: another try, or the way back (its first step).
async fn failed(shop: &Workshop, task: &Task, error: &Error) -> Result<Option<&'static str>, Error> {
    let why = reason(error);
    let passes = matches!(error.class(), Class::Unavailable | Class::Bug) || error.code == Code::Busy;
    let back = match task.kind {
        Kind::Provision if task.step != placing::provision::UNDO => Some(placing::provision::UNDO),
        Kind::Migrate => Some(fleet::FAILED),
        _ => None,
    };
    let (kind, id) = (task.kind.as_str(), task.id);
    let tries = if task.kind == Kind::Migrate { 3 } else { ATTEMPTS_MAX };
    if let Some(back) = back.filter(|_| !passes || task.attempts >= tries) {
        tracing::warn!(task.id = %id, "{kind} of task {id} is given up at step {}: {why}", task.step);
        record(shop, async |tx| store::back(tx, task, back, &why).await).await?;
        return Ok(Some(back));
    }
    let wait = 2f64.powi(task.attempts.clamp(0, 20) - 1).min(WAIT_S_MAX);
    tracing::warn!(task.id = %id, "{kind} of task {id} waits {wait} s at step {}: {why}", task.step);
    record(shop, async |tx| store::again(tx, task, &why, wait).await).await?;
    Ok(None)
}

/// Writes into the journal. A task that is somebody else's by now is left to him.
async fn record(shop: &Workshop, write: impl AsyncFnOnce(&crate::db::Tx) -> Result<bool, Error>) -> Result<(), Error> {
    let tx = shop.db().write(Scope::Platform, "task:work").await?;
    let ours = write(&tx).await?;
    tx.commit().await?;
    if ours { Ok(()) } else { Err(lost()) }
}
