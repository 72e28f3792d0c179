//! A step that fills a column in small batches while the application goes on writing.
//!
//! A batch is a range of pages and one transaction, journal entry included: a killed run has lost nothing and does
//! nothing twice. The batch's length is held near a target, since writers of its rows wait that long. Between
//! batches the run rests when others waited for it or a replica is behind, and every tenth of the way it runs VACUUM,
//! so that the space of old row versions is used again.

mod load;
mod pace;
mod ranges;
mod rate;

use std::time::Duration;

use tenantry_blueprint::file::Step;
use tenantry_model::QualifiedName;
use tenantry_pg::tokio_postgres::{self, GenericClient, Statement};
use tenantry_pg::{in_plain_words, is_retryable};
use tokio::time::Instant;

use self::pace::Pace;
use self::ranges::{PageStart, Range};
use self::rate::Rate;
use super::error::Error;
use super::event::{Event, Yield};
use super::runner::{Runner, watched};
use super::transaction::{BACKOFF, named};
use crate::journal::{self, Mark};

/// VACUUM runs after each of so many parts of the table.
const VACUUM_PARTS: u64 = 10;

/// Smaller parts are not worth a VACUUM of their own.
const VACUUM_PAGES_MIN: u64 = 512;

/// A range whose lock was not free so often is put off.
const TRIES_BEFORE_PUT_OFF: u32 = 3;

/// How often the server is asked who waits and which replica lags.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A replica further behind is waited for.
const REPLICA_LAG_BYTES_MAX: i64 = 64 << 20;

/// How long a rest for a replica is.
const REPLICA_REST: Duration = Duration::from_millis(500);

/// Settings of the session while it fills. Each batch waits for this server's disk, though a lost one would only be done
/// again: otherwise the log runs ahead of the disk, and the next writer to commit waits for all of it. It waits for no
/// replica; those are looked at in between.
const SETTINGS: &str = "SET lock_timeout = '100ms'; SET synchronous_commit = local";

/// Back to what they were.
const SETTINGS_BACK: &str = "RESET lock_timeout; RESET synchronous_commit";

/// Fills the column, from where the journal says.
pub(super) async fn run(
    runner: &mut Runner<'_>,
    run: i64,
    (i, step): (usize, &Step),
    table: &QualifiedName,
    mark: Option<Mark>,
) -> Result<(), Error> {
    let [sql] = step.up.as_slice() else {
        return Err(Error::BadBlueprint { reason: format!("step {} needs exactly one statement", step.id) });
    };
    let mut mark = match mark {
        Some(mark) => mark,
        None => start(&*runner.work, table).await?,
    };
    journal::step_begun(&*runner.work, run, i).await?;
    journal::step_progress(&*runner.work, run, i, &mark).await?;
    let silent = settle(&*runner.work).await?;
    let statement = runner.work.prepare(sql).await.map_err(|e| named(&step.id, 1, e))?;
    let filled = fill(runner, run, (i, step), table, &statement, &mut mark).await;
    match filled {
        Ok(()) => {}
        Err(Error::DiskFull { id, source, .. }) => {
            return Err(Error::DiskFull { id, fraction: mark.progress.fraction(), source });
        }
        Err(error) => return Err(error),
    }
    vacuum(runner, i, table, true).await?;
    runner.work.batch_execute(SETTINGS_BACK).await.map_err(Error::query("reset the session"))?;
    if silent {
        let sql = "RESET session_replication_role";
        runner.work.batch_execute(sql).await.map_err(Error::query("reset the session"))?;
    }
    runner.tell(Event::Committing { step: i + 1 });
    journal::step_done(&*runner.work, run, i, 0).await?;
    Ok(())
}

async fn fill(
    runner: &mut Runner<'_>,
    run: i64,
    (i, step): (usize, &Step),
    table: &QualifiedName,
    statement: &Statement,
    mark: &mut Mark,
) -> Result<(), Error> {
    let (begun, mut pace, mut rate, mut looked) = (Instant::now(), Pace::new(), Rate::default(), Instant::now());
    let part = mark.progress.pages_total / VACUUM_PARTS;
    let mut next_vacuum = mark.progress.pages + part.max(VACUUM_PAGES_MIN);
    rate.note(Duration::ZERO, &mut mark.progress);
    while let Some(range) = ranges::next(mark, pace.pages()) {
        runner.stop()?;
        runner.tell(Event::Statement { step: i + 1, statement: 1 });
        let look = looked.elapsed() >= LOOK_EVERY;
        let started = Instant::now();
        let (crowded, flush) = match batch(runner, run, (i, step), statement, mark, range, look).await? {
            Batch::Done { crowded, flush } => (crowded, flush),
            Batch::Refused => {
                pace.refused();
                continue;
            }
        };
        let took = started.elapsed().saturating_sub(flush);
        rate.note(begun.elapsed(), &mut mark.progress);
        runner.tell(Event::Progress { step: i + 1, progress: mark.progress });
        let pause = pace.after(took, flush, crowded);
        if !pause.is_zero() {
            runner.tell(Event::Yielding { step: i + 1, to: Yield::Writers, pause });
            tokio::time::sleep(pause).await;
        }
        if look {
            replicas(runner, (i, step)).await?;
            looked = Instant::now();
        }
        if part >= VACUUM_PAGES_MIN && mark.progress.pages >= next_vacuum {
            next_vacuum = mark.progress.pages + part;
            vacuum(runner, i, table, false).await?;
        }
    }
    Ok(())
}

enum Batch {
    Done {
        crowded: bool,
        /// How long the commit took.
        flush: Duration,
    },
    /// Put off until the end.
    Refused,
}

/// One range in one transaction, tried again while a row of it is locked.
async fn batch(
    runner: &mut Runner<'_>,
    run: i64,
    (i, step): (usize, &Step),
    statement: &Statement,
    mark: &mut Mark,
    mut range: Range,
    look: bool,
) -> Result<Batch, Error> {
    let begun = Instant::now();
    for attempt in 1.. {
        let mut after = mark.clone();
        let once = once(&mut runner.work, run, i, statement, &mut after, range);
        let (result, crowded, blockers) = if look && attempt == 1 {
            let ((), waited, result) = {
                let watch = &*runner.watch;
                let pid = runner.pid;
                let looking = async {
                    // half-way, when the batch has its rows locked
                    tokio::time::sleep(pace::TARGET / 2).await;
                    load::waited_for(watch, pid).await.unwrap_or(false)
                };
                let (result, waited) = tokio::join!(once, looking);
                ((), waited, result)
            };
            (result, waited, Vec::new())
        } else {
            let (result, seen) = watched(&*runner.watch, runner.pid, once, |_| {}).await;
            (result, false, seen.blockers)
        };
        match result {
            Ok(flush) => {
                *mark = after;
                return Ok(Batch::Done { crowded, flush });
            }
            Err(Failure::Journal(e)) => return Err(e.into()),
            Err(Failure::Statement(e)) if is_retryable(&e) => {}
            Err(Failure::Statement(e)) => return Err(named(&step.id, 1, e)),
        }
        runner.stop()?;
        if attempt >= TRIES_BEFORE_PUT_OFF {
            let mut later = mark.clone();
            if ranges::put_off(&mut later, range) {
                journal::step_progress(&*runner.work, run, i, &later).await?;
                *mark = later;
                return Ok(Batch::Refused);
            }
        }
        let waited = begun.elapsed();
        if waited >= runner.options.lock_patience {
            return Err(Error::Locked { id: step.id.clone(), waited, attempts: attempt, blockers });
        }
        // a shorter range has fewer rows for others to hold
        range.to = range.from + (range.to - range.from).div_ceil(2);
        let next_try_in = BACKOFF.pause(attempt);
        runner.tell(Event::Waiting { step: i + 1, attempt, blockers, next_try_in });
        tokio::time::sleep(next_try_in).await;
    }
    Ok(Batch::Refused)
}

enum Failure {
    Statement(tokio_postgres::Error),
    Journal(journal::JournalError),
}

async fn once(
    client: &mut tenantry_pg::Client,
    run: i64,
    i: usize,
    statement: &Statement,
    mark: &mut Mark,
    range: Range,
) -> Result<Duration, Failure> {
    let tx = client.transaction().await.map_err(Failure::Statement)?;
    let places: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&PageStart(range.from), &PageStart(range.to)];
    let rows = tx.execute(statement, &places).await.map_err(Failure::Statement)?;
    ranges::done(mark, range, rows);
    journal::step_progress(&tx, run, i, mark).await.map_err(Failure::Journal)?;
    let worked = Instant::now();
    tx.commit().await.map_err(Failure::Statement)?;
    Ok(worked.elapsed())
}

/// Where a new backfill begins, and where it will end.
async fn start(client: &impl GenericClient, table: &QualifiedName) -> Result<Mark, Error> {
    // of a partitioned table all partitions are gone through at once
    let sql = "WITH RECURSIVE tree AS (
                   SELECT to_regclass($1)::oid AS relation
                   UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON i.inhparent = t.relation)
               SELECT coalesce(max(pg_relation_size(relation) / current_setting('block_size')::bigint), 0)::bigint,
                      coalesce(bool_or(c.reltuples < 0 AND c.relkind = 'r'), false)
               FROM tree JOIN pg_class c ON c.oid = relation";
    let row = client.query_one(sql, &[&table.quoted()]).await.map_err(Error::query("measure a table"))?;
    if row.get(1) {
        // never analysed: the planner would not know that a range of pages is small
        let sql = format!("ANALYZE {}", table.quoted());
        client.batch_execute(&sql).await.map_err(Error::query("analyse a table"))?;
    }
    let mut mark = Mark::default();
    mark.progress.pages_total = row.get::<_, i64>(0).unsigned_abs();
    Ok(mark)
}

/// Sets the session up for filling.
///
/// Where the runner may, the application's own triggers stay silent: filling the tenant column is no change of the
/// row by the application, and `updated_at` must not move. Gives whether they are silent.
async fn settle(client: &impl GenericClient) -> Result<bool, Error> {
    let failed = Error::query("set up the session");
    client.batch_execute(SETTINGS).await.map_err(&failed)?;
    let sql = "SELECT has_parameter_privilege('session_replication_role', 'SET')";
    let may: bool = client.query_one(sql, &[]).await.map_err(&failed)?.get(0);
    if may {
        client.batch_execute("SET session_replication_role = replica").await.map_err(&failed)?;
    }
    Ok(may)
}

/// Rests while a replica is behind.
async fn replicas(runner: &Runner<'_>, (i, step): (usize, &Step)) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let bytes = load::replica_lag(&*runner.watch).await?;
        let waited = begun.elapsed();
        if bytes <= REPLICA_LAG_BYTES_MAX {
            return Ok(());
        }
        if waited >= runner.options.lock_patience {
            return Err(Error::ReplicaBehind { id: step.id.clone(), bytes, waited });
        }
        runner.stop()?;
        runner.tell(Event::Yielding { step: i + 1, to: Yield::Replica, pause: REPLICA_REST });
        tokio::time::sleep(REPLICA_REST).await;
    }
}

/// Makes the space of old row versions usable again. It never waits for anybody and never cuts the table, since that
/// would lock it.
async fn vacuum(runner: &Runner<'_>, i: usize, table: &QualifiedName, last: bool) -> Result<(), Error> {
    runner.tell(Event::Vacuum { step: i + 1, table: table.to_string() });
    let analyze = if last { ", ANALYZE" } else { "" };
    let sql = format!("VACUUM (SKIP_LOCKED, TRUNCATE off{analyze}) {}", table.quoted());
    match runner.work.batch_execute(&sql).await {
        Ok(()) => Ok(()),
        Err(e) if super::error::is_lost(&e) => Err(Error::ConnectionLost { source: e }),
        // it only saves space
        Err(e) => {
            tracing::debug!("VACUUM of {table} failed: {}", in_plain_words(&e));
            Ok(())
        }
    }
}
