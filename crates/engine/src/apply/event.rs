//! What a run tells whoever watches it: a progress bar, a log, a test.

use std::time::Duration;

use serde::Serialize;

use super::sessions::Session;

/// Watches a run. Called between the run's own statements, so it must not take long.
pub trait Observer: Send + Sync {
    /// Something happened, or is about to.
    fn event(&self, event: Event);

    /// Asked between statements and between batches: `true` ends the run with [`Error::Stopped`](super::Error),
    /// from where the same command goes on later.
    fn stop(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event) {}
}

/// Which command is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// `tenantry apply`
    Apply,
    /// `tenantry complete`
    Complete,
    /// `tenantry rollback`
    Rollback,
}

impl Command {
    /// The word a user types.
    pub fn word(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Complete => "complete",
            Self::Rollback => "rollback",
        }
    }
}

/// One thing that happened. Steps are counted from 1.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run holds the lock, has checked everything and begins, or goes on.
    Started {
        /// The command.
        command: Command,
        /// Steps this run has to do.
        steps: usize,
        /// True if an earlier run was cut short.
        resumed: bool,
    },
    /// A step begins.
    StepStarted {
        /// Its number in the blueprint.
        step: usize,
        /// Its id.
        id: String,
        /// Its line for people.
        title: String,
        /// True on the way back.
        back: bool,
    },
    /// One statement of the step is about to be sent.
    Statement {
        /// The step.
        step: usize,
        /// Its number in the step.
        statement: usize,
    },
    /// The step's transaction is about to be committed.
    Committing {
        /// The step.
        step: usize,
    },
    /// The step could not get its lock in time and lets others go first.
    Waiting {
        /// The step.
        step: usize,
        /// Which attempt failed.
        attempt: u32,
        /// Who is in the way, as far as it could be seen.
        blockers: Vec<Session>,
        /// When it tries again.
        #[serde(rename = "next_try_in_ms", serialize_with = "millis")]
        next_try_in: Duration,
    },
    /// A backfill has written another batch.
    Progress {
        /// The step.
        step: usize,
        /// How far it is.
        progress: Progress,
    },
    /// A backfill pauses for others.
    Yielding {
        /// The step.
        step: usize,
        /// To whom.
        to: Yield,
        /// How long.
        #[serde(rename = "pause_ms", serialize_with = "millis")]
        pause: Duration,
    },
    /// A backfill cleans up behind itself with VACUUM.
    Vacuum {
        /// The step.
        step: usize,
        /// The table.
        table: String,
    },
    /// A half-built index is dropped and built again.
    IndexRetried {
        /// The step.
        step: usize,
        /// The index.
        index: String,
    },
    /// A step, or a statement of it, was left out on the way back because its object is gone.
    Skipped {
        /// The step.
        step: usize,
        /// Why.
        reason: String,
    },
    /// The step is done (or, on the way back, undone) and recorded.
    StepDone {
        /// The step.
        step: usize,
        /// How long it took.
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// The run is over.
    Finished {
        /// The command.
        command: Command,
    },
}

/// What a backfill pauses for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Yield {
    /// Sessions waited for rows the batch had locked, or the batch took longer than it should.
    Writers,
    /// A replica is behind.
    Replica,
}

/// How far a backfill is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct Progress {
    /// Pages done.
    pub pages: u64,
    /// Pages the table had at the beginning.
    pub pages_total: u64,
    /// Rows written.
    pub rows: u64,
    /// Rows per second, lately.
    pub rows_per_second: f64,
    /// Seconds left at that pace, once it can be told.
    pub seconds_left: Option<f64>,
}

impl Progress {
    /// 0 to 1.
    pub fn fraction(&self) -> f64 {
        if self.pages_total == 0 { 1.0 } else { (self.pages as f64 / self.pages_total as f64).min(1.0) }
    }
}

fn millis<S: serde::Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u64(d.as_millis().try_into().unwrap_or(u64::MAX))
}
