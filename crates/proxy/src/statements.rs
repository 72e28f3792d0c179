//! Prepared statements that outlive the server connection they were made on.
//!
//! Clients of one worker that prepare the same text with the same types share one [`Statement`]. On a server
//! connection it has a name of its own, made from a number that is never given twice, so that neither two clients nor
//! an evicted and a new statement can be mistaken for one another.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use crate::link::Held;
use crate::text::Opening;

/// What was prepared: the same key means the same plan may serve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StatementKey {
    /// The SQL.
    pub(crate) query: Box<[u8]>,
    /// Types of the parameters, as on the wire.
    pub(crate) types: Box<[u8]>,
    /// The client's search path: the same text means other tables under another.
    pub(crate) search_path: Option<Box<str>>,
}

/// A prepared statement.
#[derive(Debug)]
pub(crate) struct Statement {
    /// Its number, never given twice by a worker.
    pub(crate) number: u64,
    /// What was prepared.
    pub(crate) key: StatementKey,
    /// How its text begins.
    pub(crate) opening: Opening,
}

impl Statement {
    /// Its name on server connections.
    pub(crate) fn server_name(&self) -> String {
        Self::name_of(self.number)
    }

    /// The name of the statement with this number.
    pub(crate) fn name_of(number: u64) -> String {
        format!("tenantry_{number:x}")
    }
}

/// All statements of a worker's clients.
#[derive(Default)]
pub(crate) struct Statements {
    known: RefCell<HashMap<StatementKey, Weak<Statement>>>,
    last: Cell<u64>,
    sweep_at: Cell<usize>,
}

/// The table is swept of forgotten statements first when it has grown to this.
const SWEEP_FIRST: usize = 1024;

impl Statements {
    /// The statement with this key, made if nobody has it.
    pub(crate) fn intern(&self, key: StatementKey) -> Rc<Statement> {
        let mut known = self.known.borrow_mut();
        if let Some(statement) = known.get(&key).and_then(Weak::upgrade) {
            return statement;
        }
        if known.len() >= self.sweep_at.get().max(SWEEP_FIRST) {
            known.retain(|_, statement| statement.strong_count() > 0);
            self.sweep_at.set(known.len() * 2);
        }
        self.last.set(self.last.get() + 1);
        let opening = Opening::of(&key.query);
        let statement = Rc::new(Statement { number: self.last.get(), key: key.clone(), opening });
        known.insert(key, Rc::downgrade(&statement));
        statement
    }
}

/// What is prepared on one server connection, with the least recently used to be closed first.
#[derive(Default)]
pub(crate) struct Prepared {
    known: HashMap<u64, Use>,
    clock: u64,
}

/// One prepared statement of a connection.
struct Use {
    last: u64,
    /// Whose context the connection held when it was prepared: its text is theirs.
    owner: Held,
    /// It is there. Otherwise it may be, and its name must be closed before it is prepared again.
    certain: bool,
}

impl Prepared {
    /// Whether it is there; marks it used.
    pub(crate) fn touch(&mut self, number: u64) -> bool {
        self.clock += 1;
        let clock = self.clock;
        self.known.get_mut(&number).filter(|u| u.certain).map(|u| u.last = clock).is_some()
    }

    pub(crate) fn insert(&mut self, number: u64, owner: &Held) {
        self.clock += 1;
        self.known.insert(number, Use { last: self.clock, owner: owner.clone(), certain: true });
    }

    /// Relies on none of them any more.
    pub(crate) fn doubt(&mut self) {
        self.known.values_mut().for_each(|u| u.certain = false);
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// The least recently used one, taken out.
    pub(crate) fn evict(&mut self) -> Option<u64> {
        let (&oldest, _) = self.known.iter().min_by_key(|(_, u)| u.last)?;
        self.known.remove(&oldest);
        Some(oldest)
    }

    /// Those that were prepared for anybody else, taken out.
    pub(crate) fn take_others(&mut self, owner: &Held) -> Vec<u64> {
        let others: Vec<u64> = self.known.iter().filter(|(_, u)| u.owner != *owner).map(|(n, _)| *n).collect();
        others.iter().for_each(|number| drop(self.known.remove(number)));
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(query: &str, path: Option<&str>) -> StatementKey {
        StatementKey { query: query.as_bytes().into(), types: [0, 0].into(), search_path: path.map(Into::into) }
    }

    #[test]
    fn the_same_text_is_one_statement_and_another_path_is_another() {
        let all = Statements::default();
        let one = all.intern(key("SELECT 1", None));
        assert_eq!(one.number, all.intern(key("SELECT 1", None)).number);
        assert_ne!(one.number, all.intern(key("SELECT 1", Some("other"))).number);
        assert_ne!(one.number, all.intern(key("SELECT 2", None)).number);
    }

    #[test]
    fn a_number_is_never_given_twice() {
        let all = Statements::default();
        let first = all.intern(key("SELECT 1", None)).number;
        // nobody holds it any more
        assert_ne!(all.intern(key("SELECT 1", None)).number, first);
    }

    #[test]
    fn forgotten_statements_are_swept() {
        let all = Statements::default();
        for n in 0..10 * SWEEP_FIRST {
            all.intern(key(&format!("SELECT {n}"), None));
        }
        assert!(all.known.borrow().len() <= 2 * SWEEP_FIRST);
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut prepared = Prepared::default();
        (1..=3).for_each(|n| prepared.insert(n, &Held::Nobody));
        assert!(prepared.touch(1) && !prepared.touch(9));
        assert_eq!(
            (prepared.evict(), prepared.evict(), prepared.evict(), prepared.evict()),
            (Some(2), Some(3), Some(1), None)
        );
    }

    #[test]
    fn doubted_ones_are_prepared_again_and_still_counted() {
        let (a, b) = (Held::Tenant(1, None), Held::Tenant(2, None));
        let mut prepared = Prepared::default();
        prepared.insert(1, &a);
        prepared.insert(2, &b);
        prepared.doubt();
        assert!(!prepared.touch(1) && prepared.len() == 2);
        prepared.insert(1, &b);
        prepared.insert(3, &a);
        assert!(prepared.touch(1));
        assert_eq!((prepared.take_others(&b), prepared.len()), (vec![3], 2));
    }
}
