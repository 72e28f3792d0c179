//! What is compared: each protocol with each number of clients, and the lanes of each such case.

use std::fmt;

use crate::peer::{Peer, Pooling};

/// pgbench's protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// One simple query message.
    Simple,
    /// Parse, Bind, Execute each time.
    Extended,
    /// Parse once, by name; then Bind and Execute.
    Prepared,
}

impl Mode {
    /// As pgbench calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Prepared => "prepared",
        }
    }
}

/// A protocol and a number of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) mode: Mode,
    pub(super) clients: u32,
}

impl Case {
    pub(super) fn all(modes: &[Mode], clients: &[u32]) -> Vec<Self> {
        modes.iter().flat_map(|mode| clients.iter().map(|clients| Self { mode: *mode, clients: *clients })).collect()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.clients, self.mode.name())
    }
}

/// One peer in one case, and the protocol it can do there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) peer: Peer,
    pub(super) mode: Mode,
}

impl Lane {
    pub(super) fn name(&self) -> &'static str {
        self.peer.name()
    }

    /// Connections to the server: a session keeps its own, so there must be one for each client.
    pub(super) fn pool(&self, pool: u32, case: Case) -> u32 {
        if self.peer == SESSIONS { case.clients } else { pool }
    }
}

/// PgBouncer with a server connection for each client.
pub(super) const SESSIONS: Peer = Peer::PgBouncer(Pooling::Session);
/// PgBouncer as it is compared with.
pub(super) const BASE: Peer = Peer::PgBouncer(Pooling::Transaction);

/// More sessions than this would use up the server.
const SESSIONS_MAX: u32 = 50;

/// The lanes of a case. PgBouncer before 1.21 knows no prepared statements when it pools transactions: there it runs
/// the extended protocol, and a lane with pooled sessions stands beside it.
pub(super) fn lanes(peers: &[Peer], case: Case) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for peer in peers {
        let lacking = *peer == BASE && case.mode == Mode::Prepared;
        lanes.push(Lane { peer: *peer, mode: if lacking { Mode::Extended } else { case.mode } });
        if lacking && case.clients <= SESSIONS_MAX {
            lanes.push(Lane { peer: SESSIONS, mode: case.mode });
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_statements_need_sessions_in_pgbouncer() {
        let peers = [Peer::Direct, BASE];
        let names = |mode, clients| {
            let lanes = lanes(&peers, Case { mode, clients });
            lanes.iter().map(|l| format!("{} {}", l.name(), l.mode.name())).collect::<Vec<_>>()
        };
        assert_eq!(names(Mode::Simple, 10), ["direct simple", "PgBouncer simple"]);
        let sessions = ["direct prepared", "PgBouncer extended", "PgBouncer, session prepared"];
        assert_eq!(names(Mode::Prepared, 10), sessions);
        assert_eq!(names(Mode::Prepared, 200), sessions[..2]);
    }
}
