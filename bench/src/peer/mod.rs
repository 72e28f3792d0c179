//! What stands between the clients and the server: nothing, PgBouncer, or tenantry's own proxy. Whoever measures or
//! torments one of them starts a [`Peer`] and talks to the port it gets; nothing else knows which one it is.

mod pgbouncer;
pub(crate) mod process;
pub(crate) mod tenantry;

use crate::ground::Ground;

pub use pgbouncer::Pooling;
pub use process::Process;
pub use tenantry::use_binary;

/// One of the things to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// No pooler at all.
    Direct,
    /// PgBouncer.
    PgBouncer(Pooling),
    /// tenantry's proxy.
    Tenantry,
}

/// A peer that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    /// The loopback port to talk to.
    pub port: u16,
    process: Option<Process>,
}

/// How big a peer is to be.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Connections to the server for each pool.
    pub pool: u32,
    /// Most clients at a time.
    pub clients: u32,
}

impl Peer {
    /// Starts it in front of the server of `ground` and waits until it takes connections.
    pub async fn start(self, ground: &Ground, size: Size) -> anyhow::Result<Running> {
        match self {
            Self::Direct => Ok(Running { port: ground.port, process: None }),
            Self::PgBouncer(pooling) => pgbouncer::start(ground, size, pooling).await,
            Self::Tenantry => tenantry::start(ground, size).await,
        }
    }

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::PgBouncer(Pooling::Transaction) => "PgBouncer",
            Self::PgBouncer(Pooling::Session) => "PgBouncer, session",
            Self::Tenantry => "tenantry",
        }
    }
}

impl Running {
    /// Its processes; none if nothing stands between.
    pub fn pids(&self) -> Vec<u32> {
        self.process.iter().map(Process::id).collect()
    }

    /// Fails with its last words if it has ended.
    pub fn must_live(&mut self) -> anyhow::Result<()> {
        self.process.as_mut().map_or(Ok(()), Process::must_live)
    }
}

/// Peers as named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "lower")]
pub enum Name {
    /// No pooler.
    Direct,
    /// PgBouncer.
    PgBouncer,
    /// tenantry's proxy.
    Tenantry,
}

impl Name {
    /// The peer; a pooler by transactions.
    pub fn peer(self) -> Peer {
        match self {
            Self::Direct => Peer::Direct,
            Self::PgBouncer => Peer::PgBouncer(Pooling::Transaction),
            Self::Tenantry => Peer::Tenantry,
        }
    }
}
