//! What a soak is told.

use super::deeds;
use super::speaker::Way;
use crate::ground::Notes;
use crate::peer::Name;

/// Connections that a throw-away server takes, some left for us: more clients cannot come without a pooler.
const DIRECT_CLIENTS_MAX: u32 = 200;

/// What to do, and to whom.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Who is soaked
    #[arg(long, value_enum, default_value_t = Name::Tenantry)]
    pub peer: Name,
    /// What each client does follows from this; chosen anew and printed if left out
    #[arg(long)]
    pub seed: Option<u64>,
    /// How long, at most
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Or until so many exchanges are done
    #[arg(long)]
    pub exchanges: Option<u64>,
    /// Tenants
    #[arg(long, default_value_t = 10_000)]
    pub tenants: u32,
    /// Clients at a time
    #[arg(long, default_value_t = 2_000)]
    pub clients: u32,
    /// Connections to the server
    #[arg(long, default_value_t = 20)]
    pub pool: u32,
    /// How long a client thinks between two deeds, in the middle
    #[arg(long, default_value_t = 250)]
    pub think_ms: u64,
    /// Only these deeds, to look into what was found
    #[arg(long, value_delimiter = ',', value_parser = deeds::names())]
    pub deeds: Vec<String>,
    /// Pause between two terminations of a server connection, at most; 0 for no disturbance at all
    #[arg(long, default_value_t = 1_500)]
    pub storm_ms: u64,
    /// Break something on purpose, to see that it is found
    #[arg(long, value_enum)]
    pub sabotage: Option<Sabotage>,
}

/// What can be broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sabotage {
    /// Two clients ask for the rows of another tenant
    Swap,
    /// The tenant is kept in a setting of the session, which a pooler of transactions hands to the next client
    Leak,
    /// Clients leave PgBouncer with several requests under way: 1.18 hands the rest of the answers to the next client
    Abandon,
}

/// What a peer can bear. What it cannot is left out, so that the rest is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abilities {
    /// Prepared statements outlast a transaction.
    pub(super) names: bool,
    /// A client may leave with several requests under way.
    pub(super) left_pipelines: bool,
    /// Many cancel requests may come for one statement, and be dropped when the answer is there. PgBouncer 1.18 ends
    /// over it (`bad client state`).
    pub(super) hasty_cancels: bool,
}

impl Plan {
    /// A short one, small enough for two processors in a debug build. It lasts as long as its work, so that a slow
    /// machine sees as much as a fast one.
    pub fn short(peer: Name, exchanges: u64) -> Self {
        Self {
            peer,
            seed: Some(7),
            exchanges: Some(exchanges),
            seconds: 300,
            tenants: 300,
            clients: 40,
            pool: 8,
            think_ms: 10,
            storm_ms: 200,
            deeds: Vec::new(),
            sabotage: None,
        }
    }

    pub(super) fn clients(&self) -> u32 {
        if self.peer == Name::Direct { self.clients.min(DIRECT_CLIENTS_MAX) } else { self.clients }
    }

    pub(super) fn abilities(&self) -> Abilities {
        let able = self.peer != Name::PgBouncer;
        let left_pipelines = able || self.sabotage == Some(Sabotage::Abandon);
        Abilities { names: able, left_pipelines, hasty_cancels: able }
    }

    /// How clients name their tenant; one that stands more often is taken more often.
    pub(super) fn ways(&self) -> Vec<Way> {
        if self.sabotage == Some(Sabotage::Leak) {
            return vec![Way::Session];
        }
        match self.peer {
            Name::Direct => vec![Way::Session, Way::Session, Way::Session, Way::Transaction(Notes::ByHand)],
            Name::PgBouncer => vec![Way::KeyRange, Way::KeyRange, Way::KeyRange, Way::Transaction(Notes::ByHand)],
            Name::Tenantry => vec![Way::Login, Way::Login, Way::Login, Way::Transaction(Notes::Isolated)],
        }
    }
}
