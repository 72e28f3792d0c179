//! The command that goes back: rollback.
//!
//! Steps are taken back in reverse. What somebody dropped meanwhile is left out and reported; everything else is
//! given back exactly. The roles, the schema and the journal go together in the last transaction, so that a killed
//! rollback either has its journal or is over.

use std::time::Duration;

use tenantry_blueprint::file::{Blueprint, Run, Step};
use tenantry_model::Ident;
use tenantry_pg::Target;
use tenantry_pg::tokio_postgres::error::SqlState;
use tokio::time::Instant;

use super::run::{noted, refused, started, states};
use super::runner::Runner;
use super::state::{RunState, StepState, begin, todo};
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
        return Err(Error::NotIsolated { database: runner.database.clone(), command });
    };
    free_logins(runner, &journal.blueprint).await?;

    let left = todo(command, &states(&journal));
    let resumed = before == Some(RunState::RollingBack);
    runner.tell(Event::Started { command, steps: left.len(), resumed });
    journal::begin_run(&*runner.work, journal.run, RunState::RollingBack).await?;
    let tail = journal.blueprint.steps.iter().position(|s| s.kind == ROLES).unwrap_or(0);
    let mut skipped = Vec::new();
    for i in left.iter().copied().filter(|i| *i > tail) {
        runner.stop()?;
        let step = &journal.blueprint.steps[i];
        let begun = Instant::now();
        runner.tell(started(i, step, true));
        match down(runner, &journal, i, step).await {
            Ok(left_out) => report(runner, &mut skipped, left_out),
            Err(error) => return Err(noted(runner, &journal, i, error).await),
        }
        runner.tell(Event::StepDone { step: i + 1, took: begun.elapsed() });
    }
    let rest: Vec<usize> = left.iter().copied().filter(|i| *i <= tail).collect();
    let left_out = last(runner, &journal, &rest).await?;
    report(runner, &mut skipped, left_out);
    for entry in &journal.steps {
        secrets::forget(&runner.database, entry.mark.as_ref());
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
    let database = runner.database.clone();
    journal::read(&*runner.work).await?.ok_or(Error::NotIsolated { database, command: Command::Rollback })
}

async fn down(
    runner: &mut Runner<'_>,
    journal: &Journal,
    i: usize,
    step: &Step,
) -> Result<Vec<(usize, String)>, Error> {
    if let Some(table) = &step.table
        && !preflight::exists(&*runner.work, table).await?
    {
        journal::step_undone(&*runner.work, journal.run, i).await?;
        return Ok(vec![(i + 1, format!("table {table} is gone"))]);
    }
    if let Run::ConcurrentIndex { index } | Run::ConcurrentIndexBack { index } = &step.run {
        return index::run(runner, journal.run, (i, step), index, true, true).await.map(|()| Vec::new());
    }
    // a transaction step that is neither done nor open comes from a journal that had to be replaced
    let unsure = step.run == Run::Transaction && journal.steps[i].state == StepState::Running;
    let gone = if unsure { Gone::Unsure } else { Gone::LeaveOut };
    let work = Work { run: journal.run, steps: vec![(i, step)], back: true, gone, last: false };
    transaction::run(runner, &work).await
}

/// Roles, schema and journal, in one transaction.
async fn last(runner: &mut Runner<'_>, journal: &Journal, rest: &[usize]) -> Result<Vec<(usize, String)>, Error> {
    let steps: Vec<(usize, &Step)> = rest.iter().map(|i| (*i, &journal.blueprint.steps[*i])).collect();
    free_logins(runner, &journal.blueprint).await?;
    for (i, step) in &steps {
        runner.tell(started(*i, step, true));
    }
    let begun = Instant::now();
    let unsure = steps.iter().any(|(i, _)| journal.steps[*i].state == StepState::Running);
    let gone = if unsure { Gone::Unsure } else { Gone::LeaveOut };
    let work = Work { run: journal.run, steps, back: true, gone, last: true };
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
        let mut all = roles.slots.iter().chain([&roles.keeper, &roles.owner, &roles.runtime]);
        let role = all.find(|r| db.message().contains(&format!("\"{r}\"")))?.clone();
        Some((role, db.detail().unwrap_or_default().replace('\n', "; ")))
    });
    match named {
        Some((role, detail)) => Error::RoleStillUsed { role, detail, source },
        None => Error::Step { id, statement, source },
    }
}
