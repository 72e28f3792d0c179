//! A step outside of any transaction: `CREATE INDEX CONCURRENTLY` and its way back.
//!
//! Such a statement that fails or is cut short leaves an invalid index behind: it costs writes and helps nobody. It
//! is dropped and built again. While the server waits for old transactions to end, readers and writers go on.

use tenantry_blueprint::file::Step;
use tenantry_model::QualifiedName;
use tenantry_pg::is_retryable;
use tenantry_pg::tokio_postgres::GenericClient;
use tenantry_pg::tokio_postgres::error::SqlState;
use tokio::time::Instant;

use super::error::Error;
use super::event::Event;
use super::runner::{Runner, statements, watched};
use super::transaction::{self, BACKOFF, Gone, Work, named};
use crate::journal;

/// How often an index is built before tenantry gives up on it.
const BUILDS_MAX: u32 = 5;

/// Builds the index, or takes it away, and records it.
pub(super) async fn run(
    runner: &mut Runner<'_>,
    run: i64,
    (i, step): (usize, &Step),
    index: &QualifiedName,
    back: bool,
    resumed: bool,
    gone: Gone,
) -> Result<Vec<(usize, String)>, Error> {
    if !back {
        if !resumed && valid(&*runner.work, index).await? == Some(true) {
            return Err(Error::NameTaken { what: format!("index {index}") });
        }
        journal::step_begun(&*runner.work, run, i).await?;
    }
    let patience = format!("SET lock_timeout = '{}ms'", runner.options.lock_patience.as_millis().max(1));
    runner.work.batch_execute(&patience).await.map_err(Error::query("set the lock timeout"))?;
    let concurrent = statements(step, back).iter().take_while(|sql| is_concurrent(sql)).count();
    for (n, sql) in statements(step, back).iter().take(concurrent).enumerate() {
        statement(runner, (i, step), index, n, sql).await?;
    }
    runner.work.batch_execute("SET lock_timeout = 0").await.map_err(Error::query("set the lock timeout"))?;
    if concurrent < statements(step, back).len() {
        // what belongs to the index (its constraint, its comment) takes short locks like any other step
        let work = Work { run, steps: vec![(i, step)], back, gone, done: concurrent, last: false };
        return transaction::run(runner, &work).await;
    }
    runner.tell(Event::Committing { step: i + 1 });
    match back {
        true => journal::step_undone(&*runner.work, run, i).await?,
        false => journal::step_done(&*runner.work, run, i, 0).await?,
    }
    Ok(Vec::new())
}

/// Whether a statement must stand outside of any transaction.
fn is_concurrent(sql: &str) -> bool {
    sql.contains("INDEX CONCURRENTLY ")
}

async fn statement(
    runner: &mut Runner<'_>,
    (i, step): (usize, &Step),
    index: &QualifiedName,
    n: usize,
    sql: &str,
) -> Result<(), Error> {
    let begun = Instant::now();
    for attempt in 1.. {
        runner.stop()?;
        if valid(&*runner.work, index).await? == Some(false) {
            drop_leftover(runner, (i, step), index).await?;
        }
        runner.tell(Event::Statement { step: i + 1, statement: n + 1 });
        let observer = runner.observer;
        let blocked = |blockers: &[super::Session]| {
            let (blockers, next_try_in) = (blockers.to_vec(), std::time::Duration::ZERO);
            observer.event(Event::Waiting { step: i + 1, attempt, blockers, next_try_in });
        };
        let (result, seen) = watched(&*runner.watch, runner.pid, runner.work.batch_execute(sql), blocked).await;
        let now = match &result {
            Ok(()) => valid(&*runner.work, index).await?,
            // the error at hand is the one to tell
            Err(_) => valid(&*runner.work, index).await.unwrap_or(None),
        };
        match result {
            Ok(()) if now != Some(false) => return Ok(()),
            Ok(()) if attempt >= BUILDS_MAX => {
                return Err(Error::IndexInvalid { id: step.id.clone(), index: index.clone(), attempts: attempt });
            }
            Ok(()) => {}
            // built by a run that was cut short before it could record it
            Err(e) if e.code() == Some(&SqlState::DUPLICATE_TABLE) && now == Some(true) => return Ok(()),
            Err(e) if is_retryable(&e) => {
                let waited = begun.elapsed();
                if waited >= runner.options.lock_patience {
                    let blockers = seen.blockers;
                    // best effort: the next run drops what stays
                    let _ = drop_leftover(runner, (i, step), index).await;
                    return Err(Error::Locked { id: step.id.clone(), waited, attempts: attempt, blockers });
                }
            }
            Err(e) => {
                let error = named(&step.id, n + 1, e);
                if !matches!(error, Error::ConnectionLost { .. }) && now == Some(false) {
                    let _ = drop_leftover(runner, (i, step), index).await;
                }
                return Err(error);
            }
        }
        tokio::time::sleep(BACKOFF.pause(attempt)).await;
    }
    Ok(())
}

async fn drop_leftover(runner: &Runner<'_>, (i, step): (usize, &Step), index: &QualifiedName) -> Result<(), Error> {
    runner.tell(Event::IndexRetried { step: i + 1, index: index.to_string() });
    let sql = format!("DROP INDEX CONCURRENTLY IF EXISTS {}", index.quoted());
    runner.work.batch_execute(&sql).await.map_err(|e| named(&step.id, 0, e))
}

/// Whether the index is valid; `None` if there is none of this name.
async fn valid(client: &impl GenericClient, index: &QualifiedName) -> Result<Option<bool>, Error> {
    let sql = "SELECT x.indisvalid AND x.indisready FROM pg_index x WHERE x.indexrelid = to_regclass($1)";
    let row = client.query_opt(sql, &[&index.quoted()]).await.map_err(Error::query("look at an index"))?;
    Ok(row.map(|r| r.get(0)))
}
