//! Where a database stands, and what a command has to do from there. Pure: no connection, no clock.

use std::fmt;

use serde::{Deserialize, Serialize};
use tenantry_blueprint::file::Phase;

use super::event::Command;

/// Where the database as a whole stands. Before `apply` and after `rollback` there is no journal and no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// `apply` has begun and has not ended.
    Applying,
    /// Every step of `apply` is done. Old logins work.
    Applied,
    /// `complete` has begun and has not ended.
    Completing,
    /// Every step is done. The old doors are closed.
    Completed,
    /// `rollback` has begun and has not ended.
    RollingBack,
}

impl RunState {
    /// As the journal stores it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Completing => "completing",
            Self::Completed => "completed",
            Self::RollingBack => "rolling-back",
        }
    }

    /// From the journal's word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Applying, Self::Applied, Self::Completing, Self::Completed, Self::RollingBack]
            .into_iter()
            .find(|s| s.word() == word)
    }
}

/// For people.
impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Applying => "partly applied",
            Self::Applied => "applied",
            Self::Completing => "partly completed",
            Self::Completed => "completed",
            Self::RollingBack => "partly rolled back",
        })
    }
}

/// Where one step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Not begun. A step that runs in one transaction goes from here to done at once.
    Pending,
    /// Begun outside of a transaction: it may have left something.
    Running,
    /// Done.
    Done,
    /// Was done, or begun, and is taken back.
    Undone,
}

impl StepState {
    /// As the journal stores it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Undone => "undone",
        }
    }

    /// From the journal's word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Pending, Self::Running, Self::Done, Self::Undone].into_iter().find(|s| s.word() == word)
    }
}

/// Why a command does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no journal.
    NotIsolated,
    /// Another command must be run first.
    First(Command),
}

/// The state a command puts the database into when it begins; `Ok(None)` if all is done already.
pub(super) fn begin(state: Option<RunState>, command: Command) -> Result<Option<RunState>, Refusal> {
    use RunState as S;
    match (command, state) {
        (Command::Apply, None | Some(S::Applying)) => Ok(Some(S::Applying)),
        (Command::Apply, Some(S::Applied | S::Completing | S::Completed)) => Ok(None),
        (Command::Complete, Some(S::Applied | S::Completing)) => Ok(Some(S::Completing)),
        (Command::Complete, Some(S::Completed)) => Ok(None),
        (Command::Complete, Some(S::Applying)) => Err(Refusal::First(Command::Apply)),
        (Command::Apply | Command::Complete, Some(S::RollingBack)) => Err(Refusal::First(Command::Rollback)),
        (Command::Complete | Command::Rollback, None) => Err(Refusal::NotIsolated),
        (Command::Rollback, Some(_)) => Ok(Some(S::RollingBack)),
    }
}

/// The state after a command has done all its steps; `None` when nothing is left of the journal either.
pub(super) fn end(command: Command) -> Option<RunState> {
    match command {
        Command::Apply => Some(RunState::Applied),
        Command::Complete => Some(RunState::Completed),
        Command::Rollback => None,
    }
}

/// The steps a command still has to do, by their place in the blueprint, in the order it does them.
pub(super) fn todo(command: Command, steps: &[(Phase, StepState)]) -> Vec<usize> {
    let left = |phase: Phase| {
        let unfinished = |s: &StepState| matches!(s, StepState::Pending | StepState::Running);
        steps.iter().enumerate().filter(move |(_, (p, s))| *p == phase && unfinished(s)).map(|(i, _)| i)
    };
    match command {
        Command::Apply => left(Phase::Apply).collect(),
        Command::Complete => left(Phase::Complete).collect(),
        Command::Rollback => {
            let touched = |s: &StepState| matches!(s, StepState::Running | StepState::Done);
            (0..steps.len()).rev().filter(|i| touched(&steps[*i].1)).collect()
        }
    }
}

/// Whether a journal can be true: the steps behind an unfinished one are untouched, and the states of the steps fit
/// the state of the whole. A text for people if not.
pub(crate) fn contradiction(state: RunState, steps: &[(Phase, StepState)]) -> Option<String> {
    use StepState as T;
    let all = |phase: Phase, states: &[T]| steps.iter().filter(|(p, _)| *p == phase).all(|(_, s)| states.contains(s));
    let fits = match state {
        RunState::Applying => {
            all(Phase::Apply, &[T::Pending, T::Running, T::Done]) && all(Phase::Complete, &[T::Pending])
        }
        RunState::Applied => all(Phase::Apply, &[T::Done]) && all(Phase::Complete, &[T::Pending]),
        RunState::Completing => {
            all(Phase::Apply, &[T::Done]) && all(Phase::Complete, &[T::Pending, T::Running, T::Done])
        }
        RunState::Completed => all(Phase::Apply, &[T::Done]) && all(Phase::Complete, &[T::Done]),
        RunState::RollingBack => true,
    };
    if !fits {
        return Some(format!("the database is said to be {state}, and the steps say otherwise"));
    }
    // a journal that had to be replaced counts every step as begun
    let open = |s: &T| if state == RunState::RollingBack { matches!(s, T::Pending | T::Undone) } else { *s != T::Done };
    let first_open = steps.iter().position(|(_, s)| open(s))?;
    let touched_later = steps[first_open + 1..].iter().any(|(_, s)| matches!(s, T::Running | T::Done));
    touched_later.then(|| format!("step {} is open, and a later one is not", first_open + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A journal as crashes and commands make it.
    #[derive(Clone, Debug)]
    struct Model {
        state: Option<RunState>,
        steps: Vec<(Phase, StepState, bool)>,
    }

    impl Model {
        fn pairs(&self) -> Vec<(Phase, StepState)> {
            self.steps.iter().map(|(p, s, _)| (*p, *s)).collect()
        }

        /// Runs a command that is killed after `budget` changes of the journal.
        fn run(&mut self, command: Command, mut budget: usize) {
            let Ok(Some(state)) = begin(self.state, command) else { return };
            let mut spend = || {
                budget = budget.saturating_sub(1);
                budget > 0
            };
            if self.state.is_none() {
                self.steps.iter_mut().for_each(|s| s.1 = StepState::Pending);
            }
            self.state = Some(state);
            for i in todo(command, &self.pairs()) {
                let (_, step, atomic) = &mut self.steps[i];
                if command == Command::Rollback {
                    if !spend() {
                        return;
                    }
                    *step = StepState::Undone;
                } else {
                    if !*atomic {
                        if !spend() {
                            return;
                        }
                        *step = StepState::Running;
                    }
                    if !spend() {
                        return;
                    }
                    *step = StepState::Done;
                }
            }
            if spend() {
                self.state = end(command);
            }
        }
    }

    fn command() -> impl Strategy<Value = Command> {
        prop::sample::select(vec![Command::Apply, Command::Complete, Command::Rollback])
    }

    proptest! {
        /// Whatever is run and killed wherever, the journal never contradicts itself, and one more rollback that is
        /// not killed ends it.
        #[test]
        fn no_crash_makes_a_journal_that_is_refused(
            applies in prop::collection::vec(any::<bool>(), 1..6),
            completes in prop::collection::vec(any::<bool>(), 0..4),
            runs in prop::collection::vec((command(), 1usize..20), 1..12),
        ) {
            let steps = applies.iter().map(|a| (Phase::Apply, StepState::Pending, *a));
            let steps = steps.chain(completes.iter().map(|a| (Phase::Complete, StepState::Pending, *a)));
            let mut model = Model { state: None, steps: steps.collect() };
            for (command, budget) in runs {
                model.run(command, budget);
                if let Some(state) = model.state {
                    prop_assert_eq!(contradiction(state, &model.pairs()), None);
                }
            }
            model.run(Command::Rollback, usize::MAX);
            prop_assert_eq!(model.state, None);
            prop_assert!(model.steps.iter().all(|s| matches!(s.1, StepState::Pending | StepState::Undone)));
        }
    }

    #[test]
    fn a_command_out_of_order_is_told_what_comes_first() {
        use RunState as S;
        assert_eq!(begin(None, Command::Complete), Err(Refusal::NotIsolated));
        assert_eq!(begin(Some(S::Applying), Command::Complete), Err(Refusal::First(Command::Apply)));
        assert_eq!(begin(Some(S::RollingBack), Command::Apply), Err(Refusal::First(Command::Rollback)));
        assert_eq!(begin(Some(S::Completed), Command::Apply), Ok(None));
        assert_eq!(begin(Some(S::Completing), Command::Apply), Ok(None));
    }

    #[test]
    fn a_journal_that_cannot_be_true_is_noticed() {
        use Phase::{Apply as A, Complete as C};
        use StepState as T;
        assert!(contradiction(RunState::Applied, &[(A, T::Done), (A, T::Pending)]).is_some());
        assert!(contradiction(RunState::Applying, &[(A, T::Pending), (A, T::Done)]).is_some());
        assert!(contradiction(RunState::Applying, &[(A, T::Done), (C, T::Done)]).is_some());
        assert!(contradiction(RunState::Completed, &[(A, T::Done), (C, T::Undone)]).is_some());
        assert_eq!(contradiction(RunState::RollingBack, &[(A, T::Done), (C, T::Undone)]), None);
    }

    #[test]
    fn every_word_of_the_journal_is_read_back() {
        for state in [StepState::Pending, StepState::Running, StepState::Done, StepState::Undone] {
            assert_eq!(StepState::of(state.word()), Some(state));
        }
        assert_eq!(RunState::of("rolling-back"), Some(RunState::RollingBack));
        assert_eq!(RunState::of("Applied"), None);
    }
}
