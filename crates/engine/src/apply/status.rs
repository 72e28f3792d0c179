//! Where a database stands, step by step.

use std::fmt;

use serde::Serialize;
use tenantry_blueprint::file::{Phase, Run};

use tenantry_pg::Target;

use super::error::Error;
use super::event::Progress;
use super::lock;
use super::sessions::Session;
use super::state::{RunState, StepState};
use crate::journal;

/// Where a database stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// 1.
    pub format: u32,
    /// The database.
    pub database: String,
    /// `None`: not isolated.
    pub state: Option<RunState>,
    /// Who is at work now.
    pub runner: Option<Session>,
    /// Version of the tenantry that wrote the blueprint.
    pub tool: Option<String>,
    /// Fingerprint of the schema before.
    pub fingerprint: Option<String>,
    /// When `apply` began. ISO 8601, UTC, as all times here.
    pub started_at: Option<String>,
    /// When the last command ended.
    pub finished_at: Option<String>,
    /// Steps done.
    pub steps_done: usize,
    /// The steps.
    pub steps: Vec<StepStatus>,
}

/// Where one step stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepStatus {
    /// Its number, from 1.
    pub step: usize,
    /// Its id.
    pub id: String,
    /// Its line for people.
    pub title: String,
    /// `apply` or `complete`.
    pub phase: Phase,
    /// Where it stands.
    pub state: StepState,
    /// When it began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// How long it took, or has taken.
    pub seconds: Option<f64>,
    /// How often it was begun.
    pub attempts: u32,
    /// How far a backfill is.
    pub progress: Option<Progress>,
    /// Why it stopped last time.
    pub error: Option<String>,
}

/// Reads the journal of a database.
pub(super) async fn read(target: &Target) -> Result<Status, Error> {
    let client = tenantry_pg::connect(target).await?;
    let row = client.query_one("SELECT current_database()", &[]).await.map_err(Error::query("ask for the database"))?;
    let journal = journal::read(&*client).await?;
    let runner = lock::holder(&*client).await?;
    client.close().await;
    let mut status = Status {
        format: 1,
        database: row.get(0),
        state: None,
        runner,
        tool: None,
        fingerprint: None,
        started_at: None,
        finished_at: None,
        steps_done: 0,
        steps: Vec::new(),
    };
    let Some(journal) = journal else { return Ok(status) };
    status.state = Some(journal.state);
    status.tool = Some(journal.blueprint.tool);
    status.fingerprint = Some(journal.blueprint.fingerprint);
    status.started_at = Some(journal.started_at);
    status.finished_at = journal.finished_at;
    status.steps_done = journal.steps.iter().filter(|e| e.state == StepState::Done).count();
    let pairs = journal.blueprint.steps.into_iter().zip(journal.steps).enumerate();
    status.steps = pairs
        .map(|(i, (step, entry))| StepStatus {
            step: i + 1,
            id: step.id,
            title: step.title,
            phase: step.phase,
            state: entry.state,
            started_at: entry.started_at,
            finished_at: entry.finished_at,
            seconds: entry.seconds,
            attempts: entry.attempts,
            progress: entry.mark.filter(|_| matches!(step.run, Run::Backfill { .. })).map(|m| m.progress),
            error: entry.error,
        })
        .collect();
    Ok(status)
}

/// For people.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(state) = self.state else {
            return write!(f, "database {}: not isolated", self.database);
        };
        write!(f, "database {}: {state}, {} of {} steps done", self.database, self.steps_done, self.steps.len())?;
        if let Some(at) = &self.started_at {
            write!(f, ", begun {at}")?;
        }
        if let Some(runner) = &self.runner {
            write!(f, "\nat work: {runner}")?;
        }
        for s in &self.steps {
            write!(f, "\n{:>4}  {:<7}  {}", s.step, s.state.word(), s.title)?;
            if let Some(seconds) = s.seconds {
                write!(f, "  {seconds:.1} s")?;
            }
            if s.attempts > 1 {
                write!(f, "  {} attempts", s.attempts)?;
            }
            if let Some(p) = s.progress.filter(|_| s.state == StepState::Running) {
                write!(f, "  {:.0} %, {} rows, {:.0} rows/s", p.fraction() * 100.0, p.rows, p.rows_per_second)?;
            }
            if let Some(error) = &s.error {
                write!(f, "\n               {error}")?;
            }
        }
        Ok(())
    }
}
