//! The commands that go forward: apply and complete.

use tenantry_blueprint::drift::Protection;
use tenantry_blueprint::file::{Blueprint, Run, Step};
use tenantry_pg::{Target, in_plain_words};
use tokio::time::Instant;

use super::runner::Runner;
use super::state::{Refusal, StepState, begin, end, todo};
use super::transaction::{Gone, Work};
use super::{Command, Error, Event, Observer, Options, Outcome, backfill, index, preflight, secrets, transaction};
use crate::inspect;
use crate::journal::{self, Journal};

/// Runs the steps of the command that are left, and records that it has.
pub(super) async fn forward(
    target: &Target,
    command: Command,
    blueprint: Option<&Blueprint>,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Outcome, Error> {
    let mut runner = Runner::open(target, command, options, observer).await?;
    let outcome = forward_with(&mut runner, command, blueprint).await;
    runner.close().await;
    outcome
}

async fn forward_with(
    runner: &mut Runner<'_>,
    command: Command,
    blueprint: Option<&Blueprint>,
) -> Result<Outcome, Error> {
    preflight::server(runner)?;
    let found = journal::read(&*runner.work).await?;
    if let (Some(found), Some(blueprint)) = (&found, blueprint)
        && found.blueprint != *blueprint
    {
        return Err(Error::OtherBlueprint { database: runner.database().to_owned(), state: found.state });
    }
    let state = found.as_ref().map(|j| j.state);
    let Some(state) = begin(state, command).map_err(|refusal| refused(runner, command, state, refusal))? else {
        return Ok(Outcome { state, steps: 0, resumed: false, skipped: Vec::new() });
    };
    let journal = match (found, blueprint) {
        (Some(journal), _) => journal,
        (None, Some(blueprint)) => first(runner, blueprint).await?,
        (None, None) => return Err(Error::NotIsolated { database: runner.database().to_owned(), command }),
    };
    preflight::tables(&*runner.work, &journal, command).await?;
    if command == Command::Complete {
        preflight::old_logins(runner, &journal.blueprint).await?;
        journal::keep_open(&*runner.work).await?;
    }

    let steps = states(&journal);
    let left = todo(command, &steps);
    let of_command = journal.blueprint.steps.iter().filter(|s| phase_of(command) == Some(s.phase)).count();
    let resumed = left.len() < of_command || journal.steps.iter().any(|e| e.state == StepState::Running);
    runner.tell(Event::Started { command, steps: left.len(), resumed });
    journal::begin_run(&*runner.work, journal.run, state).await?;
    for i in &left {
        runner.stop()?;
        let step = &journal.blueprint.steps[*i];
        let begun = Instant::now();
        runner.tell(started(*i, step, false));
        if let Err(error) = up(runner, &journal, *i, step).await {
            return Err(noted(runner, &journal, *i, error).await);
        }
        runner.tell(Event::StepDone { step: i + 1, took: begun.elapsed() });
    }
    let state = end(command);
    if let Some(state) = state {
        let wall = Protection::of(&inspect::read(&runner.work).await?, &journal.blueprint);
        journal::end_run(&*runner.work, journal.run, state, &wall).await?;
    }
    runner.tell(Event::Finished { command });
    Ok(Outcome { state, steps: left.len(), resumed, skipped: Vec::new() })
}

/// Everything that must hold before the first step, and then the journal.
async fn first(runner: &mut Runner<'_>, blueprint: &Blueprint) -> Result<Journal, Error> {
    preflight::blueprint(runner, blueprint)?;
    preflight::schema(runner, blueprint).await?;
    preflight::names(runner, blueprint).await?;
    let failed = Error::query("write the journal");
    let tx = runner.work.transaction().await.map_err(&failed)?;
    journal::create(&tx, blueprint).await?;
    tx.commit().await.map_err(&failed)?;
    let database = runner.database().to_owned();
    journal::read(&*runner.work).await?.ok_or(Error::NotIsolated { database, command: Command::Apply })
}

async fn up(runner: &mut Runner<'_>, journal: &Journal, i: usize, step: &Step) -> Result<(), Error> {
    let (run, entry) = (journal.run, &journal.steps[i]);
    match &step.run {
        Run::Transaction | Run::ConcurrentIndexBack { .. } => {
            let work = Work { run, steps: vec![(i, step)], back: false, gone: Gone::Refuse, done: 0, last: false };
            transaction::run(runner, &work).await.map(drop)
        }
        Run::ConcurrentIndex { index } => {
            let resumed = entry.state == StepState::Running;
            index::run(runner, run, (i, step), index, false, resumed, Gone::Refuse).await.map(drop)
        }
        Run::Backfill { table, .. } => backfill::run(runner, run, (i, step), table, entry.mark.clone()).await,
        Run::Credentials => secrets::run(runner, run, (i, step), &journal.blueprint).await,
    }
}

/// Writes down why a step stopped, for `status`. If that fails too, the error at hand is still the one to tell.
pub(super) async fn noted(runner: &Runner<'_>, journal: &Journal, i: usize, error: Error) -> Error {
    if !matches!(error, Error::ConnectionLost { .. } | Error::Stopped)
        && let Err(second) = journal::step_failed(&*runner.work, journal.run, i, &error.to_string()).await
    {
        tracing::debug!("the journal could not take the failure: {second}");
    }
    named_table(runner, &journal.blueprint.steps[i], error).await
}

/// If a step failed because its table is gone, says so.
async fn named_table(runner: &Runner<'_>, step: &Step, error: Error) -> Error {
    let (Error::Step { source, .. }, Some(table)) = (&error, &step.table) else { return error };
    match preflight::exists(&*runner.work, table).await {
        Ok(false) => {
            tracing::debug!("{}", in_plain_words(source));
            Error::TableGone { id: step.id.clone(), table: table.clone() }
        }
        _ => error,
    }
}

pub(super) fn started(i: usize, step: &Step, back: bool) -> Event {
    Event::StepStarted { step: i + 1, id: step.id.clone(), title: step.title.clone(), back }
}

pub(super) fn states(journal: &Journal) -> Vec<(tenantry_blueprint::file::Phase, StepState)> {
    journal.blueprint.steps.iter().zip(&journal.steps).map(|(s, e)| (s.phase, e.state)).collect()
}

fn phase_of(command: Command) -> Option<tenantry_blueprint::file::Phase> {
    use tenantry_blueprint::file::Phase;
    match command {
        Command::Apply => Some(Phase::Apply),
        Command::Complete => Some(Phase::Complete),
        Command::Rollback => None,
    }
}

/// Why a command does not fit, as an error.
pub(super) fn refused(
    runner: &Runner<'_>,
    command: Command,
    state: Option<super::RunState>,
    refusal: Refusal,
) -> Error {
    match (refusal, state) {
        (Refusal::First(first), Some(state)) => Error::WrongState { command, state, first },
        _ => Error::NotIsolated { database: runner.database().to_owned(), command },
    }
}
