//! What is counted of a tenant, as numbers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most of one number in one report: what JavaScript can say exactly.
pub const COUNT_MAX: u64 = 1 << 53;

/// What a tenant used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Counts {
    /// HTTP requests that were passed on to the application.
    pub requests: u64,
    /// Statements that ended, well or not.
    pub statements: u64,
    /// Transactions that ended.
    pub transactions: u64,
    /// Rows sent to clients.
    pub rows: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// Microseconds for which server connections or the application worked.
    pub server_micros: u64,
    /// Statements that failed.
    pub errors: u64,
    /// Times somebody waited for a turn.
    pub waits: u64,
    /// Microseconds waited.
    pub wait_micros: u64,
    /// Refused for a limit, a full queue or a state.
    pub refused: u64,
    /// Cut for taking too long.
    pub timeouts: u64,
    /// Connections opened by clients.
    pub connections: u64,
    /// Requests answered from the cache.
    pub cache_hits: u64,
    /// Requests that the cache could not answer.
    pub cache_misses: u64,
}

impl Counts {
    /// Whether every number can be kept.
    pub(crate) fn fits(&self) -> bool {
        self.each().iter().all(|n| *n <= COUNT_MAX)
    }

    /// Whether nothing was used.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds another's numbers.
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.statements = self.statements.saturating_add(other.statements);
        self.transactions = self.transactions.saturating_add(other.transactions);
        self.rows = self.rows.saturating_add(other.rows);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        self.server_micros = self.server_micros.saturating_add(other.server_micros);
        self.errors = self.errors.saturating_add(other.errors);
        self.waits = self.waits.saturating_add(other.waits);
        self.wait_micros = self.wait_micros.saturating_add(other.wait_micros);
        self.refused = self.refused.saturating_add(other.refused);
        self.timeouts = self.timeouts.saturating_add(other.timeouts);
        self.connections = self.connections.saturating_add(other.connections);
        self.cache_hits = self.cache_hits.saturating_add(other.cache_hits);
        self.cache_misses = self.cache_misses.saturating_add(other.cache_misses);
    }

    /// In the order of the tables' columns.
    pub(crate) fn each(&self) -> [u64; 15] {
        [
            self.requests,
            self.statements,
            self.transactions,
            self.rows,
            self.bytes_in,
            self.bytes_out,
            self.server_micros,
            self.errors,
            self.waits,
            self.wait_micros,
            self.refused,
            self.timeouts,
            self.connections,
            self.cache_hits,
            self.cache_misses,
        ]
    }

    /// From the tables' columns.
    pub(crate) fn of(
        [
            requests,
            statements,
            transactions,
            rows,
            bytes_in,
            bytes_out,
            server_micros,
            errors,
            waits,
            wait_micros,
            refused,
            timeouts,
            connections,
            cache_hits,
            cache_misses,
        ]: [u64; 15],
    ) -> Self {
        Self {
            requests,
            statements,
            transactions,
            rows,
            bytes_in,
            bytes_out,
            server_micros,
            errors,
            waits,
            wait_micros,
            refused,
            timeouts,
            connections,
            cache_hits,
            cache_misses,
        }
    }
}
