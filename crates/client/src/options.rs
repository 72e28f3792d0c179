//! What a pool and a transaction can be told.

use std::ops::Range;
use std::time::Duration;

use tenantry_pg::Target;

/// How a pool behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the server is and how to speak TLS with it, if not as the credentials file says: logins and the
    /// database's name are always those of the file.
    pub server: Option<Target>,
    /// The logins of the file that this process uses, counted from 0; all of them if `None`. Processes that run side
    /// by side take different ones: logins that are shared may see each other's statements.
    pub slots: Option<Range<usize>>,
    /// Longest wait for a connection of the pool.
    pub wait: Duration,
    /// Longest time a connection may take to be made, bound and given to a tenant.
    pub connect_within: Duration,
    /// How many of one tenant may wait at once.
    pub waiting_max: u32,
    /// A connection older than this is not used again.
    pub lifetime: Duration,
    /// How long an open transaction that its future left may take to be rolled back. Then its connection is closed.
    pub roll_back_within: Duration,
    /// What `pg_stat_activity` shows.
    pub application_name: String,
    /// Tests only: a connection in doubt is used again, which must be noticed.
    #[cfg(test)]
    pub(crate) keeps_in_doubt: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server: None,
            slots: None,
            wait: Duration::from_secs(5),
            connect_within: Duration::from_secs(10),
            waiting_max: 1_000,
            lifetime: Duration::from_secs(60 * 60),
            roll_back_within: Duration::from_secs(5),
            application_name: "tenantry-client".to_owned(),
            #[cfg(test)]
            keeps_in_doubt: false,
        }
    }
}

impl Options {
    #[cfg(test)]
    pub(crate) fn keeps_in_doubt(&self) -> bool {
        self.keeps_in_doubt
    }

    #[cfg(not(test))]
    pub(crate) fn keeps_in_doubt(&self) -> bool {
        false
    }
}

/// How strictly a transaction is kept apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// All statements see what was committed before the first.
    RepeatableRead,
    /// As if transactions ran one after the other; one that cannot be is refused and to be tried again.
    Serializable,
}

/// How a transaction begins. The default leaves everything to the database's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionOptions {
    isolation: Option<Isolation>,
    read_only: bool,
    deferrable: bool,
}

impl TransactionOptions {
    /// The database's own settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing may be written.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// With this isolation.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// Waits for a moment in which it cannot fail. Only of use with SERIALIZABLE and READ ONLY.
    pub fn deferrable(mut self) -> Self {
        self.deferrable = true;
        self
    }

    pub(crate) fn begin(self) -> String {
        let mut sql = String::from("BEGIN");
        sql.push_str(match self.isolation {
            None => "",
            Some(Isolation::ReadCommitted) => " ISOLATION LEVEL READ COMMITTED",
            Some(Isolation::RepeatableRead) => " ISOLATION LEVEL REPEATABLE READ",
            Some(Isolation::Serializable) => " ISOLATION LEVEL SERIALIZABLE",
        });
        if self.read_only {
            sql.push_str(" READ ONLY");
        }
        if self.deferrable {
            sql.push_str(" DEFERRABLE");
        }
        sql
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_transaction_begins() {
        assert_eq!(TransactionOptions::new().begin(), "BEGIN");
        let strict = TransactionOptions::new().isolation(Isolation::Serializable).read_only().deferrable();
        assert_eq!(strict.begin(), "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE");
    }
}
