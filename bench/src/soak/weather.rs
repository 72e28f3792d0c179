//! The disturbances that the soak makes itself, and what a client may lose by them.
//!
//! A server connection that is terminated may cost one client its connection, never two; while the server is restarted
//! everybody may lose theirs. Whatever is lost beyond that is the pooler's own doing.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// After the server is back, poolers may take so long to notice.
pub const RECOVERY: Duration = Duration::from_secs(10);

/// What the weather was.
#[derive(Debug, Default)]
pub struct Weather {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    terminated: u64,
    restart: Option<Instant>,
    back: Option<Instant>,
    lost: u64,
    lost_by_restart: u64,
}

/// Connections that went away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Server connections that were terminated.
    pub terminated: u64,
    /// Clients' connections lost while nothing but that happened.
    pub lost: u64,
    /// Clients' connections lost around the restart.
    pub lost_by_restart: u64,
}

impl Weather {
    /// A server connection is about to be terminated.
    pub fn terminates(&self) {
        self.state().terminated += 1;
    }

    /// There was none to terminate.
    pub fn spares(&self) {
        self.state().terminated -= 1;
    }

    /// The server is about to stop.
    pub fn stops(&self) {
        self.state().restart = Some(Instant::now());
    }

    /// The server is back.
    pub fn is_back(&self) {
        self.state().back = Some(Instant::now());
    }

    /// Whether the server is being restarted, or was a moment ago.
    pub fn is_rough(&self) -> bool {
        self.state().is_rough()
    }

    /// A client has lost its connection, or was refused one.
    pub fn lost(&self) {
        let mut state = self.state();
        if state.is_rough() { state.lost_by_restart += 1 } else { state.lost += 1 }
    }

    /// What went away in all.
    pub fn losses(&self) -> Losses {
        let state = self.state();
        Losses { terminated: state.terminated, lost: state.lost, lost_by_restart: state.lost_by_restart }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_rough(&self) -> bool {
        match (self.restart, self.back) {
            (Some(_), Some(back)) => back.elapsed() < RECOVERY,
            (Some(_), None) => true,
            _ => false,
        }
    }
}

impl Losses {
    /// Whether more was lost than was disturbed.
    pub fn too_many(&self) -> bool {
        self.lost > self.terminated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_be_lost_for_each_server_connection_and_all_in_a_restart() {
        let weather = Weather::default();
        weather.terminates();
        weather.lost();
        assert!(!weather.losses().too_many());
        weather.stops();
        weather.lost();
        weather.is_back();
        weather.lost();
        assert_eq!(weather.losses(), Losses { terminated: 1, lost: 1, lost_by_restart: 2 });
        assert!(!weather.losses().too_many());
    }

    #[test]
    fn one_more_is_one_too_many() {
        let weather = Weather::default();
        weather.lost();
        assert!(weather.losses().too_many());
    }
}
