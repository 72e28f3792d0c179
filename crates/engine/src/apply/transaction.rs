//! A step that is one transaction, journal entry included.
//!
//! It waits for a lock only for a moment, because every reader and writer of the table queues behind it meanwhile.
//! When the moment is over it lets go of everything, lets others through, and tries again.

use std::collections::HashSet;
use std::time::Duration;

use tenantry_blueprint::file::{Lock, Run, Step};
use tenantry_model::QualifiedName;
use tenantry_pg::tokio_postgres::error::SqlState;
use tenantry_pg::tokio_postgres::{self, Transaction};
use tenantry_pg::{Backoff, Client, is_retryable};
use tokio::time::Instant;

use super::error::{Error, is_lost};
use super::event::{Event, Observer};
use super::runner::{Runner, statements, watched};
use super::sessions;
use super::state::StepState;
use crate::journal;

/// Longest wait for a lock that makes readers or writers wait behind us.
const STRONG_WAIT: &str = "SET LOCAL lock_timeout = '100ms'";

/// Longest wait for a lock nobody but VACUUM and other schema changes can queue behind. Longer than the server's
/// `deadlock_timeout`, after which an automatic VACUUM makes way.
const WEAK_WAIT: &str = "SET LOCAL lock_timeout = '2500ms'";

/// 0.1 s to 2 s between attempts; how many is decided by the patience.
pub(super) const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(2), attempts_max: u32::MAX };

/// What to do when a statement's object is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// It is an error.
    Refuse,
    /// The statement is left out: the way back must go on.
    LeaveOut,
    /// As before, and what is there already is left alone: nobody knows whether the step ever ran.
    Unsure,
}

impl Gone {
    /// For one step: a transaction that is neither done nor open comes from a journal that had to be replaced.
    pub(super) fn for_step(self, step: &Step, state: StepState) -> Self {
        let is_one = matches!(step.run, Run::Transaction | Run::ConcurrentIndexBack { .. });
        if is_one && state == StepState::Running { Self::Unsure } else { self }
    }
}

/// One transaction's work.
pub(super) struct Work<'a> {
    pub(super) run: i64,
    /// Steps by their number from 0, in the order to do them.
    pub(super) steps: Vec<(usize, &'a Step)>,
    pub(super) back: bool,
    pub(super) gone: Gone,
    /// Statements of each step that are done already, outside of any transaction.
    pub(super) done: usize,
    /// Drop the journal too: the last transaction of a rollback.
    pub(super) last: bool,
}

/// Runs it until it is committed, or until patience ends. Gives what was left out.
pub(super) async fn run(runner: &mut Runner<'_>, work: &Work<'_>) -> Result<Vec<(usize, String)>, Error> {
    let begun = Instant::now();
    let mut in_the_way = Vec::new();
    let (step, id) = work.steps.first().map_or((0, String::new()), |(i, s)| (i + 1, s.id.clone()));
    for attempt in 1.. {
        runner.stop()?;
        let once = once(&mut runner.work, runner.observer, work, &in_the_way, attempt);
        let (result, seen) = watched(&*runner.watch, runner.pid, once, |_| {}).await;
        let error = match result {
            Ok(left_out) => return Ok(left_out),
            Err(error) => error,
        };
        match &error {
            Error::Step { source, .. } if is_retryable(source) => {}
            _ => return Err(error),
        }
        let waited = begun.elapsed();
        if waited >= runner.options.lock_patience {
            return Err(Error::Locked { id, waited, attempts: attempt, blockers: seen.blockers });
        }
        let pids: Vec<i32> = seen.blockers.iter().map(|s| s.pid).collect();
        in_the_way = sessions::maintained_by(&*runner.watch, &pids).await.unwrap_or_default();
        let next_try_in = BACKOFF.pause(attempt);
        runner.tell(Event::Waiting { step, attempt, blockers: seen.blockers, next_try_in });
        tokio::time::sleep(next_try_in).await;
    }
    Ok(Vec::new())
}

async fn once(
    client: &mut Client,
    observer: &dyn Observer,
    work: &Work<'_>,
    in_the_way: &[QualifiedName],
    attempt: u32,
) -> Result<Vec<(usize, String)>, Error> {
    let id = work.steps.first().map_or("journal", |(_, s)| s.id.as_str());
    let failed = |statement| move |source| named(id, statement, source);
    let mut tx = client.transaction().await.map_err(failed(0))?;
    make_way(&tx, in_the_way).await.map_err(failed(0))?;
    let mut left_out = Vec::new();
    if work.last {
        tx.batch_execute(STRONG_WAIT).await.map_err(failed(0))?;
        journal::drop_tables(&tx).await.map_err(failed(0))?;
    }
    for (i, step) in &work.steps {
        let wait = if step.lock <= Lock::ShareUpdateExclusive { WEAK_WAIT } else { STRONG_WAIT };
        tx.batch_execute(wait).await.map_err(failed(0))?;
        for (n, sql) in statements(step, work.back).iter().enumerate().skip(work.done) {
            observer.event(Event::Statement { step: i + 1, statement: n + 1 });
            if work.gone == Gone::Refuse {
                tx.batch_execute(sql).await.map_err(|e| named(&step.id, n + 1, e))?;
            } else if let Some(why) = tolerant(&mut tx, sql, work.gone).await.map_err(|e| named(&step.id, n + 1, e))? {
                left_out.push((i + 1, format!("statement {}: {why}", n + 1)));
            }
        }
        // a step may work as another role; its journal entry is ours
        tx.batch_execute("RESET ROLE").await.map_err(failed(0))?;
        match (work.last, work.back) {
            (true, _) => {}
            (false, true) => journal::step_undone(&tx, work.run, *i).await?,
            (false, false) => journal::step_done(&tx, work.run, *i, attempt).await?,
        }
    }
    observer.event(Event::Committing { step: work.steps.first().map_or(0, |(i, _)| i + 1) });
    tx.commit().await.map_err(failed(0))?;
    Ok(left_out)
}

/// Waits until automatic VACUUMs have left the tables, and keeps them out: under a weak lock that no reader or
/// writer notices.
async fn make_way(tx: &Transaction<'_>, tables: &[QualifiedName]) -> Result<(), tokio_postgres::Error> {
    if tables.is_empty() {
        return Ok(());
    }
    let names: HashSet<String> = tables.iter().map(QualifiedName::quoted).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ONLY ");
    tx.batch_execute(&format!("{WEAK_WAIT}; LOCK TABLE ONLY {names} IN SHARE UPDATE EXCLUSIVE MODE")).await
}

/// Runs a statement of the way back; if its object is gone, the statement is left out and the reason given.
async fn tolerant(tx: &mut Transaction<'_>, sql: &str, gone: Gone) -> Result<Option<String>, tokio_postgres::Error> {
    let savepoint = tx.savepoint("tenantry_statement").await?;
    match savepoint.batch_execute(sql).await {
        Ok(()) => savepoint.commit().await.map(|()| None),
        Err(error) if may_leave_out(&error, gone) => {
            savepoint.rollback().await?;
            Ok(Some(error.as_db_error().map(|db| db.message().to_owned()).unwrap_or_default()))
        }
        Err(error) => Err(error),
    }
}

fn may_leave_out(error: &tokio_postgres::Error, gone: Gone) -> bool {
    const MISSING: [SqlState; 5] = [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::UNDEFINED_OBJECT,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::INVALID_SCHEMA_NAME,
    ];
    const THERE: [SqlState; 5] = [
        // an index that belongs to its constraint already
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::DUPLICATE_COLUMN,
        SqlState::INVALID_TABLE_DEFINITION,
    ];
    error.code().is_some_and(|code| MISSING.contains(code) || (gone == Gone::Unsure && THERE.contains(code)))
}

/// Names what failed: the connection, the disk, or the statement of the step.
pub(super) fn named(id: &str, statement: usize, source: tokio_postgres::Error) -> Error {
    let id = id.to_owned();
    match source.code() {
        _ if is_lost(&source) => Error::ConnectionLost { source },
        Some(code) if *code == SqlState::DISK_FULL => Error::DiskFull { id, fraction: 0.0, source },
        _ => Error::Step { id, statement, source },
    }
}
