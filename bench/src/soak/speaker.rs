//! What a client knows of itself while it talks: its tenant, how it names the tenant, what it has prepared.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::exchange::Exchange;
use super::judge::{Rows, Want};
use crate::ground::{NOTES_PER_TENANT, Notes, Tenant};

/// How a client says whose rows it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A setting of the session: right without a pooler, and the classic leak behind one.
    Session,
    /// By its own WHERE, on an unprotected table: tells answers apart, protects nothing.
    KeyRange,
    /// `set_config` as the first statement of each transaction.
    Transaction(Notes),
    /// By its login, through tenantry.
    Login,
}

/// Time zones that clients set, to see whether they keep their own.
pub const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York"];

/// A client that talks.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// Its dice.
    pub rng: Rng,
    /// Whose rows it must get.
    pub tenant: u32,
    /// Whose rows it asks for: its own, unless the soak is to catch it.
    pub asks_for: u32,
    /// How it names its tenant.
    pub way: Way,
    /// Its time zone.
    pub zone: &'static str,
    /// Statements it has prepared, with the number in their text.
    pub prepared: BTreeMap<String, u32>,
}

impl Speaker {
    /// A number that nobody else asks for.
    pub fn token(&mut self) -> u32 {
        self.rng.u32(1..1_000_000_000)
    }

    /// The table it reads.
    pub fn table(&self) -> &'static str {
        match self.way {
            Way::Session => Notes::ByHand,
            Way::KeyRange => Notes::Plain,
            Way::Transaction(notes) => notes,
            Way::Login => Notes::Isolated,
        }
        .table()
    }

    fn scope(&self) -> String {
        let first = Notes::first_id(self.asks_for);
        match self.way {
            Way::KeyRange => format!("id BETWEEN {first} AND {}", first + u64::from(NOTES_PER_TENANT) - 1),
            _ => "true".into(),
        }
    }

    /// All notes of its tenant; `token` as SQL.
    pub fn select(&self, token: impl std::fmt::Display) -> String {
        format!("SELECT canary, {token}::int4, body FROM {} WHERE {}", self.table(), self.scope())
    }

    /// All notes of its tenant with filler as text.
    pub fn select_large(&self, token: u32, filler: usize) -> String {
        format!("SELECT canary, {token}::int4, repeat('x', {filler}) FROM {} WHERE {}", self.table(), self.scope())
    }

    /// A change to one of its tenant's notes.
    pub fn update(&self, token: impl std::fmt::Display, note: u32) -> String {
        let id = Notes::first_id(self.asks_for) + u64::from(note);
        format!(
            "UPDATE {} SET seen = seen + 1 WHERE {} AND id = {id} RETURNING canary, {token}::int4, body",
            self.table(),
            self.scope()
        )
    }

    /// All notes of its tenant, as an answer.
    pub fn rows(&self, token: u32) -> Rows {
        Rows { tenant: self.tenant, token, count: NOTES_PER_TENANT, filler: None }
    }

    /// The answer to [`Self::select`] in a simple query.
    pub fn selected(&self, token: u32) -> [Want; 3] {
        [Want::Columns, Want::Rows(self.rows(token)), Want::Done("SELECT 10")]
    }

    /// The first exchanges of a transaction, up to where its work begins.
    pub fn begin(&mut self) -> Vec<Exchange> {
        let begin = || Exchange::new().query("BEGIN", [Want::Done("BEGIN")]);
        if !matches!(self.way, Way::Transaction(_)) {
            return vec![begin().ready(b'T')];
        }
        let set = self.set_tenant("true");
        if self.rng.bool() {
            return vec![begin().ready(b'T'), set.ready(b'T')];
        }
        let both = format!("BEGIN; {}", self.set_tenant_sql("true"));
        vec![Exchange::new().query(&both, [Want::Done("BEGIN")].into_iter().chain(set.wants)).ready(b'T')]
    }

    /// Names the tenant in a setting, for this transaction only or for the session.
    pub fn set_tenant(&self, only_here: &str) -> Exchange {
        let key = Tenant::numbered(self.asks_for).key.to_string();
        Exchange::new()
            .query(&self.set_tenant_sql(only_here), [Want::Columns, Want::Value(key), Want::Done("SELECT 1")])
    }

    fn set_tenant_sql(&self, only_here: &str) -> String {
        format!("SELECT set_config('app.tenant_id', '{}', {only_here})", Tenant::numbered(self.asks_for).key)
    }
}
