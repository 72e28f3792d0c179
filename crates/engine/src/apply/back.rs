//! The command that goes back: rollback.
//!
//! Steps are taken back in reverse. What somebody dropped meanwhile is left out and reported; everything else is
//! given back exactly. The roles, the schema and the journal go together in the last transaction, so that a killed
//! rollback either has its journal or is over.

use std::collections::BTreeSet;
use std::time::Duration;

use tenantry_blueprint::file::{Blueprint, Run, Step};
use tenantry_model::{Ident, QualifiedName};
use tenantry_pg::Target;
use tenantry_pg::tokio_postgres::error::SqlState;
use tokio::time::Instant;

use super::run::{noted, refused, started, states};
use super::runner::Runner;
use super::state::{RunState, begin, todo};
use super::transaction::{Gone, Work};
use super::{Command, Error, Event, Observer, Options, Outcome, index, preflight, secrets, sessions, transaction};
use crate::journal::{self, Journal, JournalError};

/// The kind of the step that makes the roles: from there on back, everything goes at once.
const ROLES: &str = "roles";

/// How long ended sessions may take to be gone.
const DISCONNECT_WAIT_MAX: Duration = Duration::from_secs(10);

pub(super) async fn back(target: &Target, options: &Options, observer: &dyn Observer) -> Result<Outcome, Error> {
    let mut runner = Runner::open(target, Command::Rollback, options, observer).await?;
    let outcome = back_with(&mut runner).await;
    runner.close().await;
    outcome
}

async fn back_with(runner: &mut Runner<'_>) -> Result<Outcome, Error> {
    let command = Command::Rollback;
    let found = match journal::read(&*runner.work).await {
        Err(damaged @ JournalError::Damaged { .. }) => Some(replaced(runner, damaged).await?),
        found => found?,
    };
    let before = found.as_ref().map(|j| j.state);
    begin(before, command).map_err(|refusal| refused(runner, command, before, refusal))?;
    let Some(journal) = found else {
        return Err(Error::NotIsolated { database: runner.database().to_owned(), command });
    };
    free_logins(runner, &journal.blueprint).await?;

    let left = todo(command, &states(&journal));
    let resumed = before == Some(RunState::RollingBack);
    runner.tell(Event::Started { command, steps: left.len(), resumed });
    journal::begin_run(&*runner.work, journal.run, RunState::RollingBack).await?;
    let tail = journal.blueprint.steps.iter().position(|s| s.kind == ROLES).unwrap_or(0);
    let gone = expected(runner, &journal.blueprint).await?;
    let mut skipped = Vec::new();
    for i in left.iter().copied().filter(|i| *i > tail) {
        runner.stop()?;
        let step = &journal.blueprint.steps[i];
        let begun = Instant::now();
        runner.tell(started(i, step, true));
        match down(runner, &journal, i, step, gone).await {
            Ok(left_out) => report(runner, &mut skipped, left_out),
            Err(error) => return Err(noted(runner, &journal, i, error).await),
        }
        runner.tell(Event::StepDone { step: i + 1, took: begun.elapsed() });
    }
    let rest: Vec<usize> = left.iter().copied().filter(|i| *i <= tail).collect();
    let left_out = last(runner, &journal, &rest, gone).await?;
    report(runner, &mut skipped, left_out);
    for entry in &journal.steps {
        secrets::forget(runner.database(), entry.mark.as_ref());
    }
    runner.tell(Event::Finished { command });
    Ok(Outcome { state: None, steps: left.len(), resumed, skipped })
}

fn report(runner: &Runner<'_>, skipped: &mut Vec<String>, left_out: Vec<(usize, String)>) {
    for (step, reason) in left_out {
        skipped.push(format!("step {step}: {reason}"));
        runner.tell(Event::Skipped { step, reason });
    }
}

/// A new journal from the blueprint at hand, in place of a damaged one.
async fn replaced(runner: &mut Runner<'_>, damaged: JournalError) -> Result<Journal, Error> {
    let Some(blueprint) = &runner.options.blueprint else { return Err(damaged.into()) };
    preflight::blueprint_fits(runner, blueprint)?;
    let failed = Error::query("write a new journal");
    let tx = runner.work.transaction().await.map_err(&failed)?;
    journal::replace(&tx, blueprint).await?;
    tx.commit().await.map_err(&failed)?;
    let database = runner.database().to_owned();
    journal::read(&*runner.work).await?.ok_or(Error::NotIsolated { database, command: Command::Rollback })
}

async fn down(
    runner: &mut Runner<'_>,
    journal: &Journal,
    i: usize,
    step: &Step,
    gone: Gone,
) -> Result<Vec<(usize, String)>, Error> {
    let mut left_out = Vec::new();
    if let Some(table) = &step.table
        && !preflight::exists(&*runner.work, table).await?
    {
        left_out.push((i + 1, format!("table {table} is gone")));
    }
    let gone = gone.for_step(step, journal.steps[i].state);
    if let Run::ConcurrentIndex { index } | Run::ConcurrentIndexBack { index } = &step.run {
        if left_out.is_empty() {
            left_out = index::run(runner, journal.run, (i, step), index, true, true, gone).await?;
        } else {
            journal::step_undone(&*runner.work, journal.run, i).await?;
        }
        return Ok(left_out);
    }
    let work = Work { run: journal.run, steps: vec![(i, step)], back: true, gone, done: 0, last: false };
    left_out.extend(transaction::run(runner, &work).await?);
    Ok(left_out)
}

/// What to do when a statement's object is gone: that is only to be expected when somebody dropped a table.
async fn expected(runner: &Runner<'_>, blueprint: &Blueprint) -> Result<Gone, Error> {
    let steps = blueprint.steps.iter().filter_map(|s| s.table.as_ref());
    let tables: BTreeSet<String> =
        steps.chain(blueprint.tables.iter().map(|t| &t.table)).map(QualifiedName::quoted).collect();
    let tables: Vec<String> = tables.into_iter().collect();
    let sql = "SELECT EXISTS (SELECT FROM unnest($1::text[]) AS t (name) WHERE to_regclass(t.name) IS NULL)";
    let row = runner.work.query_one(sql, &[&tables]).await.map_err(Error::query("look for the tables"))?;
    Ok(if row.get(0) { Gone::LeaveOut } else { Gone::Refuse })
}

/// Roles, schema and journal, in one transaction.
async fn last(
    runner: &mut Runner<'_>,
    journal: &Journal,
    rest: &[usize],
    gone: Gone,
) -> Result<Vec<(usize, String)>, Error> {
    let steps: Vec<(usize, &Step)> = rest.iter().map(|i| (*i, &journal.blueprint.steps[*i])).collect();
    free_logins(runner, &journal.blueprint).await?;
    for (i, step) in &steps {
        runner.tell(started(*i, step, true));
    }
    let begun = Instant::now();
    let gone = steps.iter().fold(gone, |gone, (i, step)| gone.for_step(step, journal.steps[*i].state));
    let work = Work { run: journal.run, steps, back: true, gone, done: 0, last: true };
    match transaction::run(runner, &work).await {
        Ok(left_out) => {
            for i in rest {
                runner.tell(Event::StepDone { step: i + 1, took: begun.elapsed() });
            }
            Ok(left_out)
        }
        Err(error) => {
            let error = role_still_used(&journal.blueprint, error);
            match rest.first() {
                Some(i) => Err(noted(runner, journal, *i, error).await),
                None => Err(error),
            }
        }
    }
}

/// Makes sure that nobody is logged in as a role that goes.
async fn free_logins(runner: &Runner<'_>, blueprint: &Blueprint) -> Result<(), Error> {
    let logins: Vec<&str> = blueprint.roles.slots.iter().map(Ident::as_str).collect();
    let begun = Instant::now();
    loop {
        let sessions = sessions::of_logins(&*runner.work, &logins).await?;
        if sessions.is_empty() {
            return Ok(());
        }
        if !runner.options.disconnect || begun.elapsed() >= DISCONNECT_WAIT_MAX {
            return Err(Error::RolesInUse { sessions });
        }
        let pids: Vec<i32> = sessions.iter().map(|s| s.pid).collect();
        let sql = "SELECT pg_terminate_backend(pid, 1000) FROM unnest($1::integer[]) AS pid";
        runner.work.execute(sql, &[&pids]).await.map_err(Error::query("end the sessions of the logins"))?;
    }
}

/// If a role could not be dropped, says which and what holds it.
fn role_still_used(blueprint: &Blueprint, error: Error) -> Error {
    let Error::Step { source, id, statement } = error else { return error };
    let roles = &blueprint.roles;
    let db = source.as_db_error().filter(|db| *db.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST);
    let named = db.and_then(|db| {
        let mut all = roles.slots.iter().chain([&roles.keeper, &roles.owner, &roles.runtime]).chain(&roles.quota);
        let role = all.find(|r| db.message().contains(&format!("\"{r}\"")))?.clone();
        Some((role, db.detail().unwrap_or_default().replace('\n', "; ")))
    });
    match named {
        Some((role, detail)) => Error::RoleStillUsed { role, detail, source },
        None => Error::Step { id, statement, source },
    }
}
