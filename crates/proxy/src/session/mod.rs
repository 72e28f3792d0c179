//! A client that has logged in: from message to message until it leaves.
//!
//! [`first`] looks at what begins a transaction, [`pump`] takes messages from the client to
//! the server, [`exchange`] runs both directions of one transaction, [`local`] gives the
//! answers that need no server.
//!
//! Between two transactions a client has no server connection and no memory but this struct.

mod bound;
mod exchange;
mod first;
mod local;
mod naming;
mod pump;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tenantry_edge::admission::Admitted;
use tenantry_edge::limit::ConnectionGuard;
use tenantry_edge::usage::Counters;
use tenantry_wire::tag::frontend as tag;

use crate::ablation::{Protection, removed};
use crate::buffer::Buffer;
use crate::client::{Client, Doing, End};
use crate::link::{Entry, Held, Link, Want};
use crate::parameters::Parameters;
use crate::pool::{Answer, Asker, Lease, NOBODY, Pool};
use crate::recover;
use crate::refusal::Refusal;
use crate::settings::{Login, Mode, Settings};
use crate::statements::Statement;
use crate::stream::Stream;
use crate::text::Opening;
use crate::worker::Worker;

use bound::BoundSetting;
use exchange::Exchange;
use first::First;

/// Waiters of one tenant and worker where the plan sets no limit.
const QUEUE_LENGTH: u32 = 10_000;

/// A name of a statement, and which statement it was before.
type Before = (Box<[u8]>, Option<Rc<Statement>>);

/// A client at work.
pub(crate) struct Session {
    worker: Rc<Worker>,
    client: Rc<Client>,
    pool: Rc<Pool>,
    login: Rc<Login>,
    stream: Stream,
    /// The tenant the login is fixed to.
    fixed: Option<Admitted>,
    /// Whose transaction it is now.
    current: Option<Admitted>,
    _connection: Option<ConnectionGuard>,
    /// What the client sent and was not sent on.
    input: Buffer,
    /// Of that: what was sent on, but may have to be sent again.
    cursor: usize,
    /// Bytes still to come of a large message that is being sent on.
    passing: usize,
    /// Length of the message that begins there, if it has to come whole before it goes on.
    wanted: usize,
    /// Bytes still to come of a large message that is dropped.
    dropping: usize,
    /// What the client has not read yet.
    output: Buffer,
    startup: Rc<Parameters>,
    parameters: Rc<Parameters>,
    statements: HashMap<Box<[u8]>, Rc<Statement>>,
    /// The last Parse of the unnamed statement, as long as it may be bound again.
    unnamed: Vec<u8>,
    unnamed_here: bool,
    unnamed_bound: bool,
    bound_setting: BoundSetting,
    /// `BEGIN` was answered here and not sent yet.
    begun: bool,
    /// An error was answered here: everything up to Sync is passed over.
    skipping: bool,
    /// The tenant of this transaction is known.
    named: bool,
    /// A change of context is on its way.
    entering: bool,
    /// Statements of the client as they were before the messages that may have to be sent again, the last change last.
    before_entering: Vec<Before>,
    /// Nothing of the client goes before it is accepted.
    alone: bool,
    /// Something was sent in this exchange that ReadyForQuery ends.
    sent: bool,
    /// The next message may be another transaction's.
    boundary: bool,
    terminated: bool,
    /// What the tenant used since it was last added to its account.
    used: Counters,
    /// Messages go on as they are: the client has a server connection for itself.
    transparent: bool,
    kept: Option<Lease>,
}

/// What a session begins with.
pub(crate) struct Start {
    pub(crate) worker: Rc<Worker>,
    pub(crate) client: Rc<Client>,
    pub(crate) pool: Rc<Pool>,
    pub(crate) login: Rc<Login>,
    pub(crate) stream: Stream,
    pub(crate) fixed: Option<Admitted>,
    pub(crate) connection: Option<ConnectionGuard>,
    pub(crate) parameters: Rc<Parameters>,
    /// Bytes that came behind the login.
    pub(crate) early: Vec<u8>,
}

/// How a session ends.
enum Over {
    /// The client left, or cannot be reached.
    Left,
    /// It is told why, and the connection is closed.
    Told(Refusal),
}

impl From<Refusal> for Over {
    fn from(refusal: Refusal) -> Self {
        Self::Told(refusal)
    }
}

impl Session {
    pub(crate) fn new(start: Start) -> Self {
        let transparent = start.login.mode.unwrap_or(start.pool.database.mode) == Mode::Session;
        let mut input = Buffer::default();
        input.push(&start.early);
        Self {
            worker: start.worker,
            client: start.client,
            pool: start.pool,
            login: start.login,
            stream: start.stream,
            fixed: start.fixed,
            current: None,
            _connection: start.connection,
            input,
            cursor: 0,
            passing: 0,
            wanted: 0,
            dropping: 0,
            output: Buffer::default(),
            startup: Rc::clone(&start.parameters),
            parameters: start.parameters,
            statements: HashMap::new(),
            unnamed: Vec::new(),
            unnamed_here: false,
            unnamed_bound: false,
            bound_setting: (false, None),
            begun: false,
            skipping: false,
            named: false,
            entering: false,
            before_entering: Vec::new(),
            alone: false,
            sent: false,
            boundary: false,
            terminated: false,
            used: Counters::default(),
            transparent,
            kept: None,
        }
    }

    /// Runs until the client leaves or is ended.
    pub(crate) async fn run(mut self) {
        let over = loop {
            if let Err(over) = self.step().await {
                break over;
            }
        };
        self.kept = None;
        if let Over::Told(refusal) = over {
            let refusal = Refusal { fatal: true, ..refusal };
            match self.client.tenant.borrow().as_ref().map(|tenant| tenant.key().clone()) {
                Some(key) => {
                    tracing::info!(tenant.id = %key, code = refusal.code, "a client of tenant {key} is ended: {}", refusal.message);
                }
                None => tracing::info!(
                    code = refusal.code,
                    "a client of login {:?} is ended: {}",
                    self.login.name,
                    refusal.message
                ),
            }
            refusal.write(self.output.tail());
            self.last_words().await;
        }
    }

    /// Whether the client says by its statements which tenant it works for.
    fn names_tenants(&self) -> bool {
        self.fixed.is_none() && self.pool.signer.is_some()
    }

    fn settings(&self) -> Arc<Settings> {
        self.worker.settings()
    }

    /// One transaction, or one answer of our own.
    async fn step(&mut self) -> Result<(), Over> {
        match self.first().await? {
            First::Answered => Ok(()),
            First::Transaction(opening) => {
                if let Err(refusal) = self.transaction(opening).await? {
                    self.refuse(refusal)?;
                }
                Ok(())
            }
        }
    }

    /// Gets a server connection and runs one transaction on it. The inner error is told to the client, which stays.
    async fn transaction(&mut self, opening: Opening) -> Result<Result<(), Refusal>, Over> {
        let mut refused = 0;
        loop {
            let mut lease = match self.server().await? {
                Ok(lease) => lease,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let alone = self.fixed.is_some();
            let want = Want { tenant: self.current.as_ref(), alone, parameters: &self.parameters };
            // a BEGIN of ours goes between the context and the client's statement
            let opening = if self.begun && opening == Opening::SetLocal { Opening::Rows } else { opening };
            let is_query = self.input.unread().first() == Some(&tag::QUERY) && !self.begun;
            // it would leave the transaction open that the context is entered in
            let opening = if is_query && lease.needs_sync { Opening::Other } else { opening };
            let entry = match lease.enter_for(&want, opening) {
                Ok(entry) => entry,
                Err(error) => return Ok(Err(Refusal::context(&error.to_string()))),
            };
            self.entering = entry != Entry::Nothing;
            self.alone = entry == Entry::Alone;
            if self.begun {
                lease.write_query("BEGIN");
            }
            self.unnamed_here = false;
            self.sent = false;
            self.boundary = false;
            self.publish(&lease);
            let end = self.exchange(&mut lease).await;
            self.client.target.replace(None);
            match end {
                Exchange::Done => {
                    self.finish(lease);
                    return Ok(Ok(()));
                }
                Exchange::ContextRefused(reason) => {
                    tracing::warn!(database = %self.pool.database.name, "a server connection did not take a context: {reason}");
                    lease.doom("it did not take a context");
                    drop(lease);
                    self.cursor = 0;
                    self.passing = 0;
                    self.entering = false;
                    self.take_back_statements();
                    refused += 1;
                    // each of them may hold what a former tenant left; a new one holds nothing
                    if refused > self.pool.size() || removed(Protection::Replacement) {
                        return Ok(Err(Refusal::context(&reason)));
                    }
                }
                Exchange::Over(over) => {
                    self.leave(lease);
                    return Err(over);
                }
            }
        }
    }

    /// What was sent will be sent again: the client's statements are as they were before it.
    fn take_back_statements(&mut self) {
        while let Some((name, before)) = self.before_entering.pop() {
            match before {
                Some(statement) => self.statements.insert(name, statement),
                None => self.statements.remove(&name),
            };
        }
    }

    /// A server connection: the one that is kept, or one of the pool.
    async fn server(&mut self) -> Result<Result<Lease, Refusal>, Over> {
        if let Some(lease) = self.kept.take() {
            return Ok(Ok(lease));
        }
        let limits = self.current.as_ref().map(Admitted::limits);
        let asker = Asker {
            held: Held::of(self.current.as_ref()),
            tenant: self.current.as_ref().map_or(NOBODY, Admitted::number),
            weight: limits.map_or(1, |l| l.weight),
            limit: limits.and_then(|l| l.concurrent_statements),
            queue_limit: limits.and_then(|l| l.queue_length).unwrap_or(QUEUE_LENGTH),
        };
        let answer = match self.pool.ask(asker) {
            Ok(answer) => answer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let waiting = match answer {
            Answer::Now(lease) => return Ok(Ok(lease)),
            Answer::Later(waiting) => waiting,
        };
        let longest = limits.and_then(|l| l.queue_wait).unwrap_or(self.worker.settings().queue_wait);
        let asked = waiting.since;
        self.client.now_doing(Doing::Waiting, asked);
        let got = self.wait_for(waiting, longest).await;
        let now = Instant::now();
        self.client.now_doing(Doing::Idle, now);
        let wait_micros = u64::try_from(now.duration_since(asked).as_micros()).unwrap_or(u64::MAX);
        // a refusal is counted where it is told
        let waited = Counters { waits: 1, wait_micros, ..Counters::default() };
        self.pool.count(&waited);
        if let Some(tenant) = &self.current {
            tenant.usage().add(&waited, self.worker.micros(now));
        }
        got
    }

    /// Shows the rest of the worker what server connection works for this client.
    fn publish(&self, lease: &Lease) {
        self.client.now_doing(Doing::Running, lease.since);
        self.client.transaction_since.set(Some(lease.since));
        *self.client.target.borrow_mut() = Some(crate::client::Target {
            process: lease.process,
            secret: Rc::clone(&lease.secret),
            cancels: Rc::clone(&lease.cancels),
            database: Rc::clone(&self.pool),
        });
    }

    /// The transaction is over: the connection goes back, unless the client has it for itself.
    fn finish(&mut self, mut lease: Lease) {
        let now = Instant::now();
        self.client.now_doing(Doing::Idle, now);
        self.client.transaction_since.set(None);
        self.client.reads(true);
        self.client.over_time.set(false);
        self.used.transactions += 1;
        self.used.server_micros = u64::try_from(now.duration_since(lease.since).as_micros()).unwrap_or(u64::MAX);
        self.pool.count(&self.used);
        if let Some(tenant) = &self.current {
            tenant.usage().add(&self.used, self.worker.micros(now));
        }
        self.used = Counters::default();
        if self.unnamed_bound {
            self.unnamed = Vec::new();
        }
        self.begun = false;
        self.named = false;
        lease.inline_refusals = false;
        lease.kept = self.transparent || lease.held_cursors > 0;
        if lease.kept && lease.doomed.is_none() {
            self.kept = Some(lease);
        } else if lease.cancels.get() > 0 {
            // a cancel request on its way may only meet this client's statement
            recover::hold_back(lease);
        } else {
            lease.finish(now);
        }
    }

    /// The client is gone in the middle: the connection is brought back to rest, or closed.
    fn leave(&mut self, lease: Lease) {
        recover::spawn(Rc::clone(&self.worker), lease, self.passing == 0);
    }

    /// Whether somebody ended this client.
    #[inline]
    fn ended(&self) -> Option<Over> {
        self.client.ended().map(told_at_the_end)
    }
}

/// What a client is told when it is ended.
#[cold]
fn told_at_the_end(why: End) -> Over {
    let refusal = match why {
        End::Suspended => Refusal::fatal("57P05", "tenantry: this tenant was suspended")
            .hint("Ask the operator why; the tenant's data is kept."),
        End::Deleted => Refusal::fatal("42501", "tenantry: there is no such tenant"),
        End::Killed => Refusal::fatal("57P01", "tenantry: an operator ended this connection"),
        End::Shutdown => Refusal::shutting_down(),
        End::TransactionTime => {
            Refusal::fatal("57014", "tenantry: the transaction took longer than the tenant's plan allows")
                .hint("Use shorter transactions, or raise transaction_time.")
        }
        End::IdleInTransaction => {
            Refusal::fatal("25P03", "tenantry: a transaction was left open for longer than the tenant's plan allows")
                .hint("Commit before waiting for anything else, or raise idle_in_transaction.")
        }
        End::SlowReader => return Over::Left,
    };
    Over::Told(refusal)
}

impl Lease {
    fn enter_for(&mut self, want: &Want<'_>, opening: Opening) -> Result<Entry, tenantry_model::token::TokenError> {
        let pool = Rc::clone(self.pool());
        let link: &mut Link = self;
        link.enter(want, opening, pool.signer.as_ref())
    }
}
