//! Looks that are asked for at the same time go to the server together.
//!
//! A look that finds the line free begins. Where the last look had company, it lets the tasks that are ready now run
//! first, and those that look as well join it; a look alone does not pay for that, and is a GET. What comes while as many
//! operations are under way as there may be waits, and when one of them is over the first of those that wait asks for
//! all of them. Company goes as one MGET: one command to read, one answer, one wake-up of the driver, however many they
//! are. Under load server and driver have less to do than for the same GETs one by one. Nobody waits for company that
//! has not come.
//!
//! No task of its own is needed, so who asks may leave at any moment: its turn goes to the next that waits, and those
//! for whom it asked ask again. A look takes as long as an operation may, from when the first of its company came.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::{Cmd, RedisError, Value};
use tokio::sync::oneshot;

use super::Remote;
use super::line::Line;

/// Operations of looks that are under way before others wait.
const UNDER_WAY_MAX: u32 = 2;
/// Looks that go together; who comes then goes alone.
const TOGETHER_MAX: usize = 128;
/// How often somebody asks again because who asked for it left.
const TRIES_MAX: u32 = 3;

/// What the server has under a name.
pub(super) type Stored = Option<Vec<u8>>;

/// Why there is no answer: what went wrong, or `None` where somebody else has counted it already.
pub(super) type Unanswered = Option<RedisError>;

/// Looks that wait, and how many operations are under way.
#[derive(Default)]
pub(super) struct Gather(Mutex<State>);

#[derive(Default)]
struct State {
    under_way: u32,
    /// Somebody has an operation and has not begun it: who comes joins.
    gathers: bool,
    /// The last operation was asked for by several.
    company: bool,
    since: Option<Instant>,
    waiting: Vec<(String, oneshot::Sender<Told>)>,
}

/// What somebody who waits is told.
enum Told {
    /// What it asked for.
    Stored(Stored),
    /// The operation failed, and that is counted.
    Nothing,
    /// It is to ask, for itself and all others that wait.
    Turn(Turn),
}

/// The right to one operation. Dropped, it goes to the first that waits; without a line, it is nothing.
struct Turn {
    line: Option<Arc<Line>>,
    /// Others join it at the moment.
    gathers: bool,
}

enum Place {
    /// The line is free, and nobody gathers.
    First(Turn),
    /// Somebody else asks, or says when it is our turn.
    With(oneshot::Receiver<Told>),
    /// Too many wait.
    Alone,
}

impl Gather {
    fn lock(&self) -> MutexGuard<'_, State> {
        // it is whole between two calls, so a panic elsewhere leaves nothing half done
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that wait, and since when: they go with this turn.
    fn take(&self, turn: &mut Turn) -> (Vec<(String, oneshot::Sender<Told>)>, Option<Instant>) {
        let mut state = self.lock();
        state.gathers &= !std::mem::take(&mut turn.gathers);
        state.company = !state.waiting.is_empty() || state.under_way > 1;
        (std::mem::take(&mut state.waiting), state.since.take())
    }
}

fn place(line: &Arc<Line>, name: &str) -> Place {
    let mut state = line.gather.lock();
    if !state.gathers && state.under_way < UNDER_WAY_MAX {
        state.under_way += 1;
        state.gathers = state.company;
        return Place::First(Turn { line: Some(line.clone()), gathers: state.company });
    }
    if state.waiting.len() >= TOGETHER_MAX {
        return Place::Alone;
    }
    if state.waiting.is_empty() {
        state.since = Some(Instant::now());
    }
    let (tell, told) = oneshot::channel();
    state.waiting.push((name.to_owned(), tell));
    Place::With(told)
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(line) = self.line.take() else { return };
        loop {
            let mut state = line.gather.lock();
            state.gathers &= !std::mem::take(&mut self.gathers);
            // whoever gathers takes along all that wait
            if state.waiting.is_empty() || state.gathers {
                state.under_way -= 1;
                return;
            }
            let (_, next) = state.waiting.remove(0);
            drop(state);
            match next.send(Told::Turn(Self { line: Some(line.clone()), gathers: false })) {
                // it has left: the turn that comes back is not to be passed on twice
                Err(Told::Turn(mut back)) => drop(back.line.take()),
                _ => return,
            }
        }
    }
}

impl Remote {
    /// What is stored under a name.
    pub(super) async fn get(&self, line: &Arc<Line>, name: &str) -> Result<Stored, Unanswered> {
        for _ in 0..TRIES_MAX {
            match place(line, name) {
                Place::First(turn) => {
                    if turn.gathers {
                        tokio::task::yield_now().await;
                    }
                    return self.ask(line, turn, name).await;
                }
                Place::With(told) => match told.await {
                    Ok(Told::Stored(stored)) => return Ok(stored),
                    Ok(Told::Nothing) => return Err(None),
                    Ok(Told::Turn(turn)) => return self.ask(line, turn, name).await,
                    // who asked for us has left
                    Err(_) => {}
                },
                Place::Alone => break,
            }
        }
        let mut connection = line.connection.clone();
        redis::cmd("GET").arg(name).query_async(&mut connection).await.map_err(Some)
    }

    /// Asks, for itself and for all that wait.
    async fn ask(&self, line: &Line, mut turn: Turn, name: &str) -> Result<Stored, Unanswered> {
        let mut connection = line.connection.clone();
        let (others, since) = line.gather.take(&mut turn);
        if others.is_empty() {
            return redis::cmd("GET").arg(name).query_async(&mut connection).await.map_err(Some);
        }
        let mut command = Cmd::with_capacity(others.len() + 2, (others.len() + 1) * (name.len() + 16));
        command.arg("MGET").arg(name);
        for (name, _) in &others {
            command.arg(name);
        }
        let left =
            self.settings.operation_time_max.saturating_sub(since.map_or_else(Default::default, |s| s.elapsed()));
        let answer = tokio::time::timeout(left, command.query_async::<Value>(&mut connection)).await;
        let mut all = match answer.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())) {
            Ok(Value::Array(all)) if all.len() == others.len() + 1 => all.into_iter(),
            answer => {
                // who left does not want to know
                others.into_iter().for_each(|(_, other)| drop(other.send(Told::Nothing)));
                return Err(answer.err());
            }
        };
        let own = all.next().and_then(stored);
        for ((_, other), value) in others.into_iter().zip(all) {
            let _ = other.send(Told::Stored(stored(value)));
        }
        Ok(own)
    }
}

fn stored(value: Value) -> Stored {
    if let Value::BulkString(bytes) = value { Some(bytes) } else { None }
}
